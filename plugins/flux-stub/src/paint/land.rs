//! Everything under a sky: which layers stand where, and in what order they hide each other.

use super::city::City;
use super::creature::Creature;
use super::flyers::Flyers;
use super::palette::Palette;
use super::ridges::{Kind, Place, Ridge};
use super::sky::Sky;
use super::water::Water;
use super::weather::Weather;
use super::{Canvas, Frame};
use crate::colour::Rgb;
use crate::hash::Chance;
use crate::vision::Vision;
use crate::words::Scene;

pub(super) struct Land {
    sky: Sky,
    flyers: Flyers,
    city: Option<City>,
    /// Layers, the nearest first.
    ridges: Vec<Ridge>,
    water: Option<Water>,
    /// In front of the water.
    shore: Vec<Ridge>,
    creature: Option<Creature>,
    weather: Weather,
}

/// What stands where.
struct Plan {
    /// Where the sky meets what is farthest away.
    line: f32,
    ridges: Vec<Place>,
    water: Option<f32>,
    shore: Vec<Place>,
}

impl Land {
    pub(super) fn new(vision: &Vision, palette: &Palette, frame: Frame) -> Self {
        let mut plan = Plan::of(vision.scene, &mut vision.chance("plan"));
        let creature = Creature::wanted(vision);
        if creature.is_some() && plan.shore.is_empty() {
            plan.shore.push(place(Kind::Hills, 0.9, 0.09, 0.0));
        }
        let sky = Sky::new(vision, palette, frame, plan.line);
        let source = sky.source();
        let build = |places: &[Place]| -> Vec<Ridge> {
            let mut ridges: Vec<_> =
                places.iter().map(|place| Ridge::new(place, vision, palette, frame, source)).collect();
            ridges.reverse();
            ridges
        };
        let shore = build(&plan.shore);
        let creature = creature.map(|kind| {
            let ground = |u| shore.first().map_or(0.95, |ridge: &Ridge| ridge.line_at(u));
            Creature::new(kind, vision, palette, frame, source, ground)
        });
        Self {
            flyers: Flyers::new(vision, palette, frame, plan.line, plan.water),
            city: (vision.scene == Scene::City).then(|| City::new(vision, palette, frame, plan.water.unwrap_or(1.0))),
            ridges: build(&plan.ridges),
            water: plan.water.map(|line| Water::new(vision, palette, frame, line, source.0)),
            shore,
            creature,
            weather: Weather::new(vision, frame),
            sky,
        }
    }

    /// What is above the water, and in it upside down.
    fn upper(&self, u: f32, v: f32) -> Rgb {
        layered(&self.ridges, u, v, || {
            let behind = || self.flyers.in_the_air(self.sky.colour(u, v), u, v);
            match &self.city {
                Some(city) => city.over(u, v, behind),
                None => behind(),
            }
        })
    }

    fn ground(&self, u: f32, v: f32) -> Rgb {
        match &self.water {
            Some(water) if v > water.line => {
                let colour = water.colour(u, v, |u, v| self.upper(u, v));
                self.flyers.afloat(colour, u, v)
            }
            Some(_) => self.flyers.afloat(self.upper(u, v), u, v),
            None => self.upper(u, v),
        }
    }
}

impl Canvas for Land {
    fn colour(&self, u: f32, v: f32) -> Rgb {
        let mut colour = layered(&self.shore, u, v, || self.ground(u, v));
        if let Some(creature) = &self.creature {
            colour = creature.over(colour, u, v);
        }
        self.weather.over(colour, u, v)
    }
}

/// The layers over what is behind them, the nearest first; `behind` is asked only where they leave a gap.
fn layered(ridges: &[Ridge], u: f32, v: f32, behind: impl FnOnce() -> Rgb) -> Rgb {
    let mut colour = Rgb::default();
    let mut gap = 1.0;
    for ridge in ridges {
        let cover = ridge.cover(u, v);
        if cover > 0.0 {
            colour = colour + ridge.colour(u, v) * (cover * gap);
            gap *= 1.0 - cover;
        }
        if gap <= 0.0 {
            return colour;
        }
    }
    colour + behind() * gap
}

const fn place(kind: Kind, base: f32, relief: f32, depth: f32) -> Place {
    Place { kind, base, relief, depth }
}

impl Plan {
    fn of(scene: Scene, chance: &mut Chance) -> Self {
        use Kind::{Dunes, Firs, Hills, Mountains};
        let lift = chance.range(-0.04, 0.05);
        let mut plan = Self { line: 0.66 + lift, ridges: Vec::new(), water: None, shore: Vec::new() };
        match scene {
            Scene::Mountains => {
                plan.ridges = vec![
                    place(Mountains, 0.62 + lift, 0.26, 1.0),
                    place(Mountains, 0.70 + lift, chance.range(0.22, 0.34), 0.72),
                    place(Mountains, 0.80 + lift, chance.range(0.14, 0.26), 0.45),
                    place(Firs, 0.91 + lift, 0.09, 0.3),
                    place(Firs, 1.0 + lift, 0.14, 0.08),
                ];
            }
            Scene::Meadow => {
                plan.line = 0.58 + lift;
                plan.ridges = vec![
                    place(Mountains, 0.56 + lift, chance.range(0.06, 0.18), 1.0),
                    place(Hills, 0.60 + lift, 0.10, 0.75),
                    place(Firs, 0.635 + lift, 0.035, 0.6),
                    place(Hills, 0.68 + lift, 0.10, 0.5),
                    place(Hills, 0.78 + lift, 0.12, 0.25),
                    place(Hills, 0.92 + lift, 0.12, 0.0),
                ];
            }
            Scene::Forest => {
                plan.line = 0.75;
                plan.ridges = vec![
                    place(Mountains, 0.58 + lift, 0.14, 1.0),
                    place(Firs, 0.66 + lift, 0.16, 0.85),
                    place(Firs, 0.75 + lift, 0.21, 0.62),
                    place(Firs, 0.86 + lift, 0.28, 0.38),
                    place(Firs, 1.0 + lift, 0.36, 0.1),
                ];
            }
            Scene::Sea => {
                plan.line = chance.range(0.52, 0.64);
                plan.water = Some(plan.line);
                plan.ridges = vec![place(Hills, plan.line + 0.005, chance.range(0.02, 0.05), 1.0)];
                if chance.flip(0.5) {
                    plan.ridges.push(place(Mountains, plan.line + 0.05, chance.range(0.1, 0.2), 0.8));
                }
            }
            Scene::Lake => {
                plan.line = 0.58 + lift;
                plan.water = Some(plan.line + 0.015);
                plan.ridges = vec![
                    place(Mountains, plan.line - 0.04, 0.30, 1.0),
                    place(Mountains, plan.line, chance.range(0.14, 0.24), 0.7),
                    place(Firs, plan.line + 0.01, 0.07, 0.45),
                ];
                plan.shore = vec![place(Firs, 1.04, 0.16, 0.05)];
            }
            Scene::Desert => {
                plan.line = 0.6 + lift;
                plan.ridges = vec![
                    place(Mountains, 0.6 + lift, 0.05, 1.0),
                    place(Dunes, 0.64 + lift, 0.07, 0.85),
                    place(Dunes, 0.72 + lift, 0.12, 0.55),
                    place(Dunes, 0.85 + lift, 0.17, 0.28),
                    place(Dunes, 1.03, 0.24, 0.0),
                ];
            }
            Scene::City => {
                plan.line = 0.74 + lift;
                plan.water = chance.flip(0.75).then_some(0.78 + lift);
            }
            Scene::Space | Scene::Paper => {}
        }
        plan
    }
}
