//! Outlines: closed curves through points, and how far inside them a place is.

/// A closed polygon in coordinates of its own.
pub(super) struct Shape {
    points: Vec<(f32, f32)>,
    /// Left, top, right, bottom.
    bounds: (f32, f32, f32, f32),
}

impl Shape {
    /// Straight from point to point.
    pub(super) fn polygon(points: &[(f32, f32)]) -> Self {
        let fold = |pick: fn(&(f32, f32)) -> f32, better: fn(f32, f32) -> f32| {
            points.iter().map(pick).reduce(better).unwrap_or(0.0)
        };
        Self {
            bounds: (
                fold(|p| p.0, f32::min),
                fold(|p| p.1, f32::min),
                fold(|p| p.0, f32::max),
                fold(|p| p.1, f32::max),
            ),
            points: points.to_vec(),
        }
    }

    /// A smooth curve through the points (Catmull-Rom); those marked `true` stay corners.
    pub(super) fn smooth(points: &[(f32, f32, bool)]) -> Self {
        const STEPS: u32 = 6;
        let count = points.len();
        let at = |place: usize| points.get(place % count.max(1)).copied().unwrap_or_default();
        let mut outline = Vec::new();
        for place in 0..count {
            let (from, to) = (at(place), at(place + 1));
            // At a corner the curve arrives straight: as if the point beyond it lay in the same direction.
            let before = if from.2 { from } else { at(place + count - 1) };
            let after = if to.2 { to } else { at(place + 2) };
            for step in 0..STEPS {
                let t = step as f32 / STEPS as f32;
                outline.push((spline(before.0, from.0, to.0, after.0, t), spline(before.1, from.1, to.1, after.1, t)));
            }
        }
        Self::polygon(&outline)
    }

    /// How far inside (positive) or outside a place is; far outside only roughly.
    pub(super) fn inside(&self, x: f32, y: f32) -> f32 {
        let (left, top, right, bottom) = self.bounds;
        let outside = (left - x).max(x - right).max(top - y).max(y - bottom);
        if outside > 0.05 {
            return -outside;
        }
        let mut nearest = f32::MAX;
        let mut within = false;
        let ends = self.points.iter().skip(1).chain(self.points.first());
        for (&(ax, ay), &(bx, by)) in self.points.iter().zip(ends) {
            let (ex, ey) = (bx - ax, by - ay);
            let (px, py) = (x - ax, y - ay);
            let along = ((px * ex + py * ey) / (ex * ex + ey * ey).max(1e-9)).clamp(0.0, 1.0);
            let (dx, dy) = (px - ex * along, py - ey * along);
            nearest = nearest.min(dx * dx + dy * dy);
            if (ay > y) != (by > y) && x < ax + (y - ay) / (by - ay) * ex {
                within = !within;
            }
        }
        if within { nearest.sqrt() } else { -nearest.sqrt() }
    }
}

fn spline(a: f32, b: f32, c: f32, d: f32, t: f32) -> f32 {
    let (t2, t3) = (t * t, t * t * t);
    0.5 * (2.0 * b + (c - a) * t + (2.0 * a - 5.0 * b + 4.0 * c - d) * t2 + (3.0 * b - a - 3.0 * c + d) * t3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_knows_its_inside() {
        let square = Shape::polygon(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]);
        assert!((square.inside(0.5, 0.5) - 0.5).abs() < 1e-5);
        assert!((square.inside(1.02, 0.5) + 0.02).abs() < 1e-5);
        assert!(square.inside(9.0, 0.5) < -1.0);
    }

    #[test]
    fn a_smooth_outline_goes_through_its_points() {
        let points = [(0.0, 0.0, true), (1.0, 0.0, false), (1.0, 1.0, false), (0.0, 1.0, false)];
        let shape = Shape::smooth(&points);
        for (x, y, _) in points {
            assert!(shape.inside(x, y).abs() < 1e-3, "at {x},{y}");
        }
    }
}
