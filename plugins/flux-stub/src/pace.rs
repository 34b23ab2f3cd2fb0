//! How far a job is, in numbers and words, and when a preview is due.

/// The place in a job: image and step count from 0.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How many images.
    pub count: u32,
    /// How many steps each.
    pub steps: u32,
}

impl Pace {
    /// The percentage when `step` steps of image `image` are done; 99 at most, since 100 is for the host to say.
    pub fn percent(self, image: u32, step: u32) -> f32 {
        let all = f64::from(self.count) * f64::from(self.steps);
        let done = f64::from(image) * f64::from(self.steps) + f64::from(step);
        (100.0 * done / all).min(99.0) as f32
    }

    /// What is going on during `step`.
    pub fn stage(self, image: u32, step: u32) -> String {
        let sampling = format!("sampling {}/{}", step + 1, self.steps);
        if self.count > 1 { format!("image {}/{}, {sampling}", image + 1, self.count) } else { sampling }
    }

    /// Whether a preview is due after `done` steps: every fifth, or more seldom where that were more than ten. Not after
    /// the last one, when the picture itself is there.
    pub fn preview_due(self, done: u32) -> bool {
        let every = self.steps.div_ceil(10).max(5);
        done.is_multiple_of(every) && done < self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_runs_over_all_images_and_stops_at_99() {
        let pace = Pace { count: 4, steps: 10 };
        assert_eq!(pace.percent(0, 0), 0.0);
        assert_eq!(pace.percent(2, 5), 62.5);
        assert_eq!(pace.percent(3, 10), 99.0);
    }

    #[test]
    fn the_image_is_named_when_there_are_several() {
        assert_eq!(Pace { count: 1, steps: 20 }.stage(0, 7), "sampling 8/20");
        assert_eq!(Pace { count: 3, steps: 20 }.stage(1, 7), "image 2/3, sampling 8/20");
    }

    #[test]
    fn previews_are_seldom() {
        for (steps, expected) in [(4, 0), (5, 0), (20, 3), (50, 9), (1000, 9)] {
            let pace = Pace { count: 1, steps };
            let due = (1..=steps).filter(|done| pace.preview_due(*done)).count();
            assert_eq!(due, expected, "of {steps} steps");
        }
    }
}
