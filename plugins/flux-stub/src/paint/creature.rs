//! An animal that sits in the foreground and looks towards the light: a fox, a cat, a wolf.

use super::Frame;
use super::palette::{Palette, tinted};
use super::shape::Shape;
use crate::colour::{Lch, Rgb, lch};
use crate::noise::{fbm, smoothstep};
use crate::vision::Vision;
use crate::words::{Thing, Time};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Fox,
    Cat,
    Wolf,
}

/// In coordinates of its own: feet at y = 0, the tips of the ears near y = 1, looking to the right.
pub(super) struct Creature {
    frame: Frame,
    u: f32,
    v: f32,
    size: f32,
    /// 1 looks to the right, -1 to the left.
    facing: f32,
    body: Shape,
    ear: Shape,
    bib: Shape,
    tail: Tail,
    face: Face,
    fur: Rgb,
    dark: Rgb,
    pale: Rgb,
    rim: Rgb,
    shadow: Rgb,
    seed: u32,
}

/// Where nose and eye are.
struct Face {
    nose: (f32, f32),
    eye: (f32, f32),
    /// A cat's eye: it glows, with an upright pupil.
    slit: bool,
}

/// A curve that grows thick and thin again.
struct Tail {
    points: [(f32, f32); 3],
    thick: f32,
    /// Whether its tip is pale.
    tipped: bool,
}

impl Creature {
    pub(super) fn wanted(vision: &Vision) -> Option<Kind> {
        vision.things.iter().find_map(|thing| match thing {
            Thing::Fox => Some(Kind::Fox),
            Thing::Cat => Some(Kind::Cat),
            Thing::Wolf => Some(Kind::Wolf),
            _ => None,
        })
    }

    pub(super) fn new(
        kind: Kind,
        vision: &Vision,
        palette: &Palette,
        frame: Frame,
        source: (f32, f32),
        ground: impl Fn(f32) -> f32,
    ) -> Self {
        let mut chance = vision.chance("creature");
        let facing = if source.0 > frame.aspect * 0.5 { 1.0 } else { -1.0 };
        // On the side away from the light, so that there is something to look at.
        let u = frame.aspect * (0.5 - facing * chance.range(0.04, 0.16));
        let size = chance.range(0.4, 0.5) * frame.motif();
        let own = match kind {
            Kind::Fox => lch(0.62, 0.16, 48.0),
            Kind::Cat => lch(0.32, 0.02, 280.0),
            Kind::Wolf => lch(0.52, 0.025, 260.0),
        };
        let coat = vision.fur.map_or(own, |fur| {
            let base = if fur.hue.is_some() { lch(0.6, 0.15, own.h) } else { own.at(0.6) };
            tinted(base, fur, 1.0).at(0.16 + 0.72 * fur.light)
        });
        // In the dark, and against the light, an animal is little more than its outline.
        let gloom = match vision.time {
            Time::Day => 0.05,
            Time::Dawn => 0.15,
            Time::Sunset => 0.32,
            Time::Dusk => 0.42,
            Time::Night => 0.5,
        };
        let shade = |colour: Lch| colour.mix(palette.near.at(0.12), gloom).rgb();
        let (body, ear, bib, tail, face) = outline(kind);
        Self {
            frame,
            u,
            v: ground(u) + 0.02 * frame.motif(),
            size,
            facing,
            body,
            ear,
            bib,
            tail,
            face,
            fur: shade(coat),
            dark: shade(coat.at(coat.l * 0.4)),
            pale: shade(coat.mix(lch(0.95, 0.02, 80.0), 0.85)),
            rim: palette.orb.mix(coat, 0.35).rgb(),
            shadow: palette.near.at(palette.near.l * 0.45).rgb(),
            seed: chance.bits(),
        }
    }

    pub(super) fn over(&self, behind: Rgb, u: f32, v: f32) -> Rgb {
        let x = (u - self.u) / self.size * self.facing;
        let y = (self.v - v) / self.size;
        if !(-1.0..0.75).contains(&x) || !(-0.15..1.15).contains(&y) {
            return behind;
        }
        let cover = |inside: f32| self.frame.cover(inside * self.size);
        // A shadow on the ground, so that it sits and does not float.
        let pool = 1.0 - ((x + 0.12) / 0.55).hypot((y + 0.005) / 0.055);
        let mut colour = behind.mix(self.shadow, 0.6 * smoothstep(0.0, 0.7, pool));

        // Fur frays the edges.
        let fray = 0.009 * fbm(x * 34.0, y * 34.0, 2, self.seed);
        let (tail, along) = self.tail.inside(x, y);
        if cover(tail + fray) > 0.0 {
            let tip = if self.tail.tipped { smoothstep(0.7, 0.76, along + 2.0 * fray) } else { 0.0 };
            let fur = self.fur.mix(self.pale, tip);
            let under = smoothstep(0.06, 0.0, y) * 0.35;
            let lit = self.coat(fur.mix(self.dark, under), x, y, tail);
            colour = colour.mix(lit, cover(tail + fray));
        }
        let body = self.body.inside(x, y);
        if cover(body + fray) > 0.0 {
            let bib = smoothstep(-0.02, 0.02, self.bib.inside(x, y) + fray * 2.0);
            let socks = smoothstep(0.17, 0.06, y + fray * 3.0) * smoothstep(0.02, 0.08, x);
            let fur = self.fur.mix(self.pale, bib).mix(self.dark, 0.75 * socks);
            let back = smoothstep(0.25, -0.25, x) * smoothstep(0.6, 0.1, y) * 0.3;
            let lit = self.coat(fur.mix(self.dark, back), x, y, body);
            colour = colour.mix(lit, cover(body + fray));
            colour = colour.mix(self.dark, 0.85 * cover(self.ear.inside(x, y)));
            colour = self.face.over(colour, x, y, self.dark * 0.25, cover);
        }
        colour
    }

    /// Strands of fur, and light along the edge that faces it.
    fn coat(&self, fur: Rgb, x: f32, y: f32, inside: f32) -> Rgb {
        let strand = 1.0 + 0.3 * fbm(x * 14.0 + y * 9.0, y * 40.0 - x * 16.0, 3, self.seed ^ 0x2);
        let round = 0.72 + 0.28 * smoothstep(-0.35, 0.4, x + 0.35 * y);
        let edge = smoothstep(0.035, 0.0, inside) * smoothstep(-0.25, 0.3, x + 0.5 * (y - 0.5));
        (fur * (strand * round)).mix(self.rim, 0.7 * edge)
    }
}

impl Face {
    fn over(&self, fur: Rgb, x: f32, y: f32, black: Rgb, cover: impl Fn(f32) -> f32) -> Rgb {
        let (ex, ey) = (x - self.eye.0, y - self.eye.1);
        let nose = (x - self.nose.0).hypot(y - self.nose.1);
        if self.slit {
            let amber = lch(0.83, 0.16, 100.0).rgb();
            let colour = fur.mix(amber, cover(0.021 - (ex / 1.2).hypot(ey)));
            return colour.mix(black, cover(0.016 - (ex * 3.2).hypot(ey)).max(cover(0.012 - nose)));
        }
        let colour = fur.mix(black, cover(0.022 - nose).max(cover(0.016 - (ex / 1.25).hypot(ey))));
        let gleam = Rgb { r: 1.0, g: 1.0, b: 0.95 };
        colour.mix(gleam, cover(0.005 - (ex - 0.006).hypot(ey - 0.006)))
    }
}

impl Tail {
    /// How far inside it a place is, and where along it, 0 at the root.
    fn inside(&self, x: f32, y: f32) -> (f32, f32) {
        const STEPS: u8 = 56;
        let [a, b, c] = self.points;
        let mut best = (-1.0, 0.0);
        for step in 0..=STEPS {
            let t = f32::from(step) / f32::from(STEPS);
            let s = 1.0 - t;
            let px = s * s * a.0 + 2.0 * s * t * b.0 + t * t * c.0;
            let py = s * s * a.1 + 2.0 * s * t * b.1 + t * t * c.1;
            let thick = self.thick * (0.35 + 0.65 * (t * 2.75).sin().max(0.0)) * (1.0 - t.powi(6));
            let inside = thick - (x - px).hypot(y - py);
            if inside > best.0 {
                best = (inside, t);
            }
        }
        best
    }
}

/// Body, ear, bib, tail and face.
fn outline(kind: Kind) -> (Shape, Shape, Shape, Tail, Face) {
    match kind {
        Kind::Cat => cat(),
        Kind::Fox => canine(0.445, 1.0, 0.05, FOX_TAIL),
        Kind::Wolf => canine(0.46, 0.97, -0.005, WOLF_TAIL),
    }
}

const FOX_TAIL: Tail = Tail { points: [(-0.2, 0.07), (-0.62, -0.06), (-0.6, 0.36)], thick: 0.105, tipped: true };

const WOLF_TAIL: Tail = Tail { points: [(-0.2, 0.06), (-0.5, -0.02), (-0.72, 0.08)], thick: 0.085, tipped: false };

/// A long muzzle and pointed ears; `muzzle`, `ear_tip` and `neck` tell a fox from a wolf.
fn canine(muzzle: f32, ear_tip: f32, neck: f32, tail: Tail) -> (Shape, Shape, Shape, Tail, Face) {
    let body = Shape::smooth(&[
        (muzzle, 0.715, true),
        (0.335, 0.765, false),
        (0.285, 0.815, false),
        (0.25, 0.86, true),
        (0.215, ear_tip, true),
        (0.155, 0.875, true),
        (0.095, 0.8, false),
        (neck, 0.7, false),
        (-0.03, 0.56, false),
        (-0.14, 0.42, false),
        (-0.225, 0.25, false),
        (-0.245, 0.1, false),
        (-0.2, 0.015, false),
        (-0.05, 0.0, false),
        (0.125, 0.0, true),
        (0.12, 0.045, false),
        (0.05, 0.075, true),
        (0.125, 0.2, true),
        (0.16, 0.05, true),
        (0.165, 0.0, true),
        (0.3, 0.0, true),
        (0.29, 0.035, false),
        (0.245, 0.06, false),
        (0.24, 0.2, false),
        (0.265, 0.36, false),
        (0.275, 0.48, false),
        (0.24, 0.6, false),
        (0.3, 0.655, false),
        (muzzle - 0.03, 0.675, false),
    ]);
    let ear = Shape::polygon(&[(0.232, 0.872), (0.212, ear_tip - 0.035), (0.178, 0.878)]);
    let bib = Shape::smooth(&[
        (muzzle + 0.02, 0.695, true),
        (0.33, 0.72, false),
        (0.25, 0.71, false),
        (0.175, 0.645, false),
        (0.185, 0.5, false),
        (0.225, 0.38, true),
        (0.31, 0.42, false),
        (0.32, 0.6, false),
    ]);
    let face = Face { nose: (muzzle - 0.02, 0.705), eye: (0.262, 0.772), slit: false };
    (body, ear, bib, tail, face)
}

/// A round head with both ears, a slender body, a long thin tail.
fn cat() -> (Shape, Shape, Shape, Tail, Face) {
    let body = Shape::smooth(&[
        (0.335, 0.7, false),
        (0.325, 0.76, false),
        (0.28, 0.82, false),
        (0.285, 0.94, true),
        (0.215, 0.865, true),
        (0.16, 0.87, true),
        (0.075, 0.945, true),
        (0.06, 0.82, false),
        (0.04, 0.72, false),
        (0.03, 0.63, false),
        (-0.03, 0.53, false),
        (-0.13, 0.4, false),
        (-0.2, 0.24, false),
        (-0.215, 0.1, false),
        (-0.17, 0.015, false),
        (-0.03, 0.0, false),
        (0.115, 0.0, true),
        (0.105, 0.04, false),
        (0.04, 0.07, true),
        (0.115, 0.18, true),
        (0.14, 0.05, true),
        (0.145, 0.0, true),
        (0.27, 0.0, true),
        (0.26, 0.035, false),
        (0.215, 0.06, false),
        (0.21, 0.2, false),
        (0.225, 0.36, false),
        (0.225, 0.5, false),
        (0.205, 0.595, false),
        (0.27, 0.625, false),
    ]);
    let ear = Shape::polygon(&[(0.125, 0.865), (0.088, 0.915), (0.082, 0.85)]);
    let bib = Shape::smooth(&[
        (0.2, 0.58, true),
        (0.16, 0.5, false),
        (0.18, 0.4, true),
        (0.26, 0.44, false),
        (0.26, 0.56, false),
    ]);
    let tail = Tail { points: [(-0.16, 0.05), (-0.78, -0.06), (-0.44, 0.46)], thick: 0.04, tipped: false };
    let face = Face { nose: (0.322, 0.705), eye: (0.245, 0.755), slit: true };
    (body, ear, bib, tail, face)
}
