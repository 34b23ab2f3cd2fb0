//! The colours of a picture: those of its time of day, turned towards the colours that the prompt names.

use crate::colour::{Lch, lch};
use crate::hash::Chance;
use crate::vision::Vision;
use crate::words::{Scene, Thing, Time, Tint};

pub(super) struct Palette {
    /// The sky at the top, halfway and at the horizon.
    pub(super) zenith: Lch,
    pub(super) middle: Lch,
    pub(super) horizon: Lch,
    /// The sun or the moon.
    pub(super) orb: Lch,
    /// The ground far off and right in front.
    pub(super) far: Lch,
    pub(super) near: Lch,
    /// What stands out: flowers, sails, lit windows.
    pub(super) accent: Lch,
}

impl Palette {
    pub(super) fn of(vision: &Vision) -> Self {
        // The look is the prompt's: seeds of one prompt stay a family.
        let mut chance = Chance::new(vision.look, "palette");
        let mut palette = Self::at(vision.time);
        palette.dress(vision.scene, vision.time);
        let turn = chance.range(-16.0, 16.0);
        palette.each(|colour| colour.turned_by(turn));
        if vision.tints.is_empty() && matches!(vision.scene, Scene::Space | Scene::Paper) {
            // Nothing in these has a colour of its own, so let it be any.
            let turn = chance.range(0.0, 360.0);
            palette.each(|colour| colour.turned_by(turn));
        }
        palette.tint(&vision.tints);
        if let Some(ground) = vision.ground {
            palette.near = tinted(palette.near, ground, 0.95);
            palette.far = tinted(palette.far, ground, 0.75);
        }
        if let Some(petals) = vision.petals {
            palette.accent = tinted(palette.accent, petals, 1.0);
        }
        if vision.has(Thing::Snow) {
            let light = if vision.time == Time::Night { 0.5 } else { 0.9 };
            palette.near = lch(light - 0.12, 0.03, 255.0);
            palette.far = lch(light - 0.05, 0.025, 250.0);
        }
        palette
    }

    fn at(time: Time) -> Self {
        let [zenith, middle, horizon, orb, far, near, accent] = match time {
            Time::Dawn => [
                lch(0.60, 0.09, 268.0),
                lch(0.78, 0.08, 350.0),
                lch(0.91, 0.09, 72.0),
                lch(0.98, 0.05, 90.0),
                lch(0.72, 0.06, 300.0),
                lch(0.30, 0.06, 285.0),
                lch(0.72, 0.15, 20.0),
            ],
            Time::Day => [
                lch(0.55, 0.14, 255.0),
                lch(0.74, 0.10, 240.0),
                lch(0.92, 0.05, 215.0),
                lch(0.99, 0.04, 100.0),
                lch(0.72, 0.07, 225.0),
                lch(0.38, 0.08, 190.0),
                lch(0.70, 0.18, 35.0),
            ],
            Time::Sunset => [
                lch(0.34, 0.12, 290.0),
                lch(0.60, 0.18, 15.0),
                lch(0.84, 0.16, 68.0),
                lch(0.97, 0.12, 92.0),
                lch(0.58, 0.14, 20.0),
                lch(0.20, 0.07, 310.0),
                lch(0.75, 0.17, 50.0),
            ],
            Time::Dusk => [
                lch(0.24, 0.09, 278.0),
                lch(0.44, 0.13, 312.0),
                lch(0.73, 0.14, 45.0),
                lch(0.95, 0.07, 80.0),
                lch(0.46, 0.11, 320.0),
                lch(0.15, 0.06, 285.0),
                lch(0.78, 0.15, 70.0),
            ],
            Time::Night => [
                lch(0.13, 0.06, 275.0),
                lch(0.23, 0.08, 266.0),
                lch(0.42, 0.09, 245.0),
                lch(0.96, 0.03, 95.0),
                lch(0.33, 0.07, 255.0),
                lch(0.10, 0.035, 268.0),
                lch(0.82, 0.13, 82.0),
            ],
        };
        Self { zenith, middle, horizon, orb, far, near, accent }
    }

    /// Grass is green and sand is not, as far as the light allows.
    fn dress(&mut self, scene: Scene, time: Time) {
        let own = match scene {
            Scene::Meadow => Some(135.0),
            Scene::Forest => Some(160.0),
            Scene::Desert => Some(55.0),
            _ => None,
        };
        let by_light = match time {
            Time::Day => 0.9,
            Time::Dawn => 0.6,
            Time::Sunset | Time::Dusk => 0.35,
            Time::Night => 0.25,
        };
        if let Some(hue) = own {
            let fade = if scene == Scene::Desert { 0.9 } else { by_light };
            self.near = self.near.turned_to(hue, fade);
            self.far = self.far.turned_to(hue, fade * 0.7);
            self.near.c += 0.03 * fade;
        }
        if scene == Scene::Desert {
            self.near.l += 0.16 * by_light;
            self.near.c += 0.04;
            self.far.c += 0.03;
        }
    }

    /// The first colour that was named is the picture's, the second its ground's, the third stands out.
    fn tint(&mut self, tints: &[Tint]) {
        let Some(first) = tints.first() else { return };
        self.each(|colour| tinted(colour, *first, 0.72));
        if let Some(second) = tints.get(1) {
            self.near = tinted(self.near, *second, 0.9);
            self.far = tinted(self.far, *second, 0.7);
            self.accent = tinted(self.accent, *second, 1.0);
            self.horizon = tinted(self.horizon, *second, 0.45);
        }
        if let Some(third) = tints.get(2) {
            self.accent = tinted(self.accent, *third, 1.0);
            self.orb = tinted(self.orb, *third, 0.6);
        }
    }

    fn each(&mut self, change: impl Fn(Lch) -> Lch) {
        for colour in [
            &mut self.zenith,
            &mut self.middle,
            &mut self.horizon,
            &mut self.orb,
            &mut self.far,
            &mut self.near,
            &mut self.accent,
        ] {
            *colour = change(*colour);
        }
    }
}

/// Turned towards a named colour, and a little towards its lightness: a black picture is dark, a golden one light.
pub(super) fn tinted(colour: Lch, tint: Tint, much: f32) -> Lch {
    let l = colour.l + (tint.light - 0.6) * 0.35 * much;
    let c = colour.c * (1.0 + (tint.strength - 1.0) * much);
    let l = l.clamp(0.04, 0.99);
    match tint.hue {
        // Through grey, not round the circle: a blue sky on its way to gold must not turn green.
        Some(hue) => lch(l, c, colour.h).mix(lch(l, c.max(0.05 * tint.strength), hue), much),
        None => lch(l, colour.c * (1.0 - 0.85 * much), colour.h),
    }
}
