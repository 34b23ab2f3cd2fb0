//! Small things that give a picture its scale: birds and balloons in the air, a boat on the water.

use super::Frame;
use super::palette::Palette;
use super::shape::Shape;
use crate::colour::Rgb;
use crate::vision::Vision;
use crate::words::Thing;

pub(super) struct Flyers {
    frame: Frame,
    birds: Vec<Bird>,
    dark: Rgb,
    balloons: Vec<Balloon>,
    boat: Option<Boat>,
}

struct Bird {
    u: f32,
    v: f32,
    size: f32,
    lift: f32,
}

struct Balloon {
    u: f32,
    v: f32,
    size: f32,
    stripes: [Rgb; 2],
}

struct Boat {
    u: f32,
    v: f32,
    size: f32,
    hull: Shape,
    main: Shape,
    jib: Shape,
    sail: Rgb,
    wood: Rgb,
}

impl Flyers {
    pub(super) fn new(vision: &Vision, palette: &Palette, frame: Frame, line: f32, water: Option<f32>) -> Self {
        let mut chance = vision.chance("flyers");
        let scale = frame.motif();
        let mut birds = Vec::new();
        if vision.has(Thing::Birds) {
            let (u, v) = (chance.range(0.25, 0.7) * frame.aspect, chance.range(0.14, 0.34));
            let count = 5 + (chance.unit() * 7.0) as u32;
            for _ in 0..count {
                birds.push(Bird {
                    u: u + chance.range(-0.16, 0.16) * scale,
                    v: v + chance.range(-0.07, 0.07),
                    size: chance.range(0.011, 0.024) * scale,
                    lift: chance.range(0.25, 0.8),
                });
            }
        }
        let mut balloons = Vec::new();
        if vision.has(Thing::Balloons) {
            for place in 0..5u8 {
                let near = chance.unit();
                let hue = chance.range(-50.0, 50.0);
                let fabric = palette.accent.turned_by(hue).mix(palette.middle, 0.3 * (1.0 - near));
                balloons.push(Balloon {
                    u: (0.1 + 0.2 * f32::from(place) + chance.range(-0.05, 0.05)) * frame.aspect,
                    v: chance.range(0.12, line * 0.72),
                    size: (0.022 + 0.055 * near * near) * scale,
                    stripes: [fabric.rgb(), fabric.mix(palette.orb, 0.75).rgb()],
                });
            }
        }
        let boat = water.filter(|_| vision.has(Thing::Boat)).map(|water| {
            let near = chance.range(0.06, 0.2);
            Boat {
                u: chance.range(0.25, 0.75) * frame.aspect,
                v: water + near * 0.8,
                size: (0.05 + 0.5 * near) * scale,
                hull: Shape::smooth(&[
                    (-0.52, -0.1, true),
                    (0.6, -0.15, true),
                    (0.42, 0.06, false),
                    (-0.4, 0.06, false),
                ]),
                main: Shape::smooth(&[
                    (0.02, -1.35, true),
                    (-0.22, -0.75, false),
                    (-0.5, -0.22, true),
                    (0.02, -0.22, true),
                ]),
                jib: Shape::smooth(&[
                    (0.07, -1.2, true),
                    (0.36, -0.65, false),
                    (0.56, -0.24, true),
                    (0.07, -0.26, true),
                ]),
                sail: palette.orb.mix(palette.horizon, 0.25).rgb(),
                wood: palette.near.at(palette.near.l * 0.7).rgb(),
            }
        });
        Self { frame, birds, dark: palette.near.mix(palette.middle, 0.2).rgb(), balloons, boat }
    }

    pub(super) fn in_the_air(&self, behind: Rgb, u: f32, v: f32) -> Rgb {
        let mut colour = behind;
        for balloon in &self.balloons {
            colour = balloon.over(colour, u, v, self.frame);
        }
        for bird in &self.birds {
            let (x, y) = ((u - bird.u) / bird.size, (v - bird.v) / bird.size);
            if x.abs() < 1.1 && y.abs() < 1.1 {
                let away = x.abs();
                let wing = -bird.lift * (away * 2.6).sin() * (1.0 - 0.35 * away);
                let thick = 0.15 * (1.0 - away) + 0.02;
                let inside = (thick - (y - wing).abs()) * bird.size;
                colour = colour.mix(self.dark, self.frame.cover(inside.min((1.0 - away) * bird.size)));
            }
        }
        colour
    }

    pub(super) fn afloat(&self, behind: Rgb, u: f32, v: f32) -> Rgb {
        let Some(boat) = &self.boat else { return behind };
        let (x, y) = ((u - boat.u) / boat.size, (v - boat.v) / boat.size);
        if x.abs() > 0.8 || !(-1.5..1.3).contains(&y) {
            return behind;
        }
        // In the water below it, flattened, faint and wavering.
        let (x, y, strength) =
            if y > 0.06 { (x + 0.06 * (y * 34.0).sin(), 0.06 - (y - 0.06) * 1.3, 0.4) } else { (x, y, 1.0) };
        let paint = |colour: Rgb, shape: &Shape, with: Rgb| {
            colour.mix(with, strength * self.frame.cover(shape.inside(x, y) * boat.size))
        };
        let colour = paint(behind, &boat.main, boat.sail);
        let colour = paint(colour, &boat.jib, boat.sail * 0.82);
        paint(colour, &boat.hull, boat.wood)
    }
}

impl Balloon {
    fn over(&self, behind: Rgb, u: f32, v: f32, frame: Frame) -> Rgb {
        let (x, y) = ((u - self.u) / self.size, (v - self.v) / self.size);
        if x.abs() > 1.1 || !(-1.1..2.1).contains(&y) {
            return behind;
        }
        let basket = (0.15 - x.abs()).min(0.13 - (y - 1.8).abs());
        let colour = behind.mix(self.stripes[0] * 0.25, frame.cover(basket * self.size));
        // Round above, narrowing to the mouth below.
        let half = if y < 0.35 { (1.0 - y * y).max(0.0).sqrt() } else { 0.937 - (y - 0.35) * 0.62 };
        let inside = if y > 1.4 { -1.0 } else { (half - x.abs()).min(1.4 - y) };
        let round = (x / half.max(0.01)).clamp(-1.0, 1.0);
        let stripe = ((round.asin() * 2.3 + 8.0) as u32 % 2) as usize;
        let fabric = self.stripes.get(stripe).copied().unwrap_or_default();
        let light = 1.0 - 0.35 * (0.5 + 0.5 * round) - 0.15 * y.max(0.0);
        colour.mix(fabric * light, frame.cover(inside * self.size))
    }
}
