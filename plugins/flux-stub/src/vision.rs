//! What is to be painted: what the prompt says, and for all it does not say, a choice by its hash and the seed.
//!
//! The prompt alone decides what a person would call the motif (kind of scene, time, colours), so that another seed is
//! another picture of the same thing; the seed decides where things stand.

use crate::hash::{self, Chance};
use crate::words::{self, Hint, Scene, Thing, Time, Tint};

/// A picture before it is painted.
#[derive(Debug, Clone, PartialEq)]
pub struct Vision {
    /// What kind of picture.
    pub scene: Scene,
    /// When.
    pub time: Time,
    /// What is in it.
    pub things: Vec<Thing>,
    /// Colours that were named, in order.
    pub tints: Vec<Tint>,
    /// The colour of the animal, when one was named right before it.
    pub fur: Option<Tint>,
    /// The colour of the ground: "green hills".
    pub ground: Option<Tint>,
    /// The colour of the flowers.
    pub petals: Option<Tint>,
    /// The look: the same for all seeds of a prompt.
    pub look: u64,
    /// The arrangement: another for each seed.
    pub seed: u64,
    /// How much fine detail, 0..1: few steps leave a picture soft, as they do in a real engine.
    pub detail: f32,
}

impl Vision {
    /// What to paint for a prompt.
    pub fn of(prompt: &str, negative: &str, seed: u32, steps: u32) -> Self {
        let look = hash::mix(hash::text(prompt) ^ hash::text(negative).rotate_left(17));
        let mut said = Said::default();
        words::words(prompt).for_each(|word| said.hear(&word));
        for word in words::words(negative) {
            said.take_back(&word);
        }
        let mut chance = Chance::new(look, "vision");
        let scene = said.scene.unwrap_or_else(|| said.likely_scene(&mut chance));
        let time = said.time.unwrap_or_else(|| {
            let times = [Time::Sunset, Time::Dawn, Time::Day, Time::Dusk, Time::Sunset, Time::Night];
            chance.pick(&times).copied().unwrap_or(Time::Sunset)
        });
        said.add_by_chance(scene, time, &mut chance);
        Self {
            scene,
            time,
            things: said.things,
            tints: said.tints,
            fur: said.fur,
            ground: said.ground,
            petals: said.petals,
            look,
            seed: hash::mix(look ^ u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            detail: (steps as f32 / 16.0).clamp(0.3, 1.0),
        }
    }

    /// Whether it is in the picture.
    pub fn has(&self, thing: Thing) -> bool {
        self.things.contains(&thing)
    }

    /// Where the chance of one element comes from.
    pub fn chance(&self, element: &str) -> Chance {
        Chance::new(self.seed, element)
    }
}

/// What has been heard so far.
#[derive(Default)]
struct Said {
    scene: Option<Scene>,
    time: Option<Time>,
    things: Vec<Thing>,
    tints: Vec<Tint>,
    fur: Option<Tint>,
    ground: Option<Tint>,
    petals: Option<Tint>,
    unwanted: Vec<Thing>,
    /// The colour that was named right before. What it belongs to takes it: a red fox is not a red picture.
    just_said: Option<Tint>,
}

impl Said {
    fn hear(&mut self, word: &str) {
        let mut before = self.just_said.take();
        for hint in words::hints(word) {
            match *hint {
                // The first scene and the last time win: "a fox in the forest by a lake, at night".
                Hint::Scene(scene) => {
                    self.scene = self.scene.or(Some(scene));
                    if matches!(scene, Scene::Meadow | Scene::Forest) && before.is_some() {
                        self.ground = before.take();
                        self.tints.pop();
                    }
                }
                Hint::Time(time) => self.time = Some(time),
                Hint::Thing(thing) => {
                    let owner = match thing {
                        Thing::Flowers => Some(&mut self.petals),
                        animal if is_animal(animal) => Some(&mut self.fur),
                        _ => None,
                    };
                    if let Some(owner) = owner
                        && before.is_some()
                    {
                        *owner = before.take();
                        self.tints.pop();
                    }
                    if !self.things.contains(&thing) {
                        self.things.push(thing);
                    }
                }
                Hint::Tint(tint) => {
                    self.tints.push(tint);
                    before = Some(tint);
                    self.just_said = before;
                }
            }
        }
    }

    fn take_back(&mut self, word: &str) {
        for hint in words::hints(word) {
            match *hint {
                Hint::Scene(scene) => self.scene = self.scene.filter(|said| *said != scene),
                Hint::Time(time) => self.time = self.time.filter(|said| *said != time),
                Hint::Thing(thing) => {
                    self.things.retain(|said| *said != thing);
                    self.unwanted.push(thing);
                }
                Hint::Tint(tint) => self.tints.retain(|said| *said != tint),
            }
        }
    }

    fn likely_scene(&self, chance: &mut Chance) -> Scene {
        let likely: &[Scene] = if self.things.iter().copied().any(is_animal) {
            &[Scene::Meadow, Scene::Mountains, Scene::Forest]
        } else if self.time.is_some() || !self.things.is_empty() {
            &[Scene::Mountains, Scene::Lake, Scene::Meadow, Scene::Sea, Scene::Mountains]
        } else {
            &[
                Scene::Paper,
                Scene::Mountains,
                Scene::Lake,
                Scene::Desert,
                Scene::Space,
                Scene::Sea,
                Scene::Forest,
                Scene::Paper,
            ]
        };
        chance.pick(likely).copied().unwrap_or(Scene::Mountains)
    }

    /// What nobody asked for and nobody ruled out, and a picture is the better for.
    fn add_by_chance(&mut self, scene: Scene, time: Time, chance: &mut Chance) {
        let dark = matches!(time, Time::Night | Time::Dusk);
        let odds = [
            (Thing::Orb, if time == Time::Day { 0.45 } else { 0.85 }),
            (Thing::Clouds, if dark { 0.45 } else { 0.75 }),
            (Thing::Stars, if dark { 1.0 } else { 0.0 }),
            (Thing::Birds, if time == Time::Night { 0.0 } else { 0.35 }),
            (Thing::Mist, if scene == Scene::Forest { 1.0 } else { 0.4 }),
            (Thing::Flowers, if scene == Scene::Meadow { 0.7 } else { 0.0 }),
            (Thing::Boat, if scene == Scene::Sea { 0.4 } else { 0.0 }),
        ];
        for (thing, probability) in odds {
            let wanted = chance.flip(probability);
            if wanted && !self.unwanted.contains(&thing) && !self.things.contains(&thing) {
                self.things.push(thing);
            }
        }
    }
}

fn is_animal(thing: Thing) -> bool {
    matches!(thing, Thing::Fox | Thing::Cat | Thing::Wolf)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vision(prompt: &str) -> Vision {
        Vision::of(prompt, "", 1, 20)
    }

    #[test]
    fn the_words_of_the_prompt_are_heeded() {
        let seen = vision("a red fox in a snowy forest at night");
        assert_eq!((seen.scene, seen.time), (Scene::Forest, Time::Night));
        assert!(seen.has(Thing::Fox) && seen.has(Thing::Snow));
        assert_eq!(seen.fur.and_then(|fur| fur.hue), Some(26.0));
        assert!(seen.tints.is_empty());
    }

    #[test]
    fn a_colour_elsewhere_is_not_the_colour_of_the_animal() {
        let seen = vision("a fox before a red sunset");
        assert_eq!(seen.fur, None);
        assert_eq!(seen.tints.len(), 1);
    }

    #[test]
    fn flowers_and_ground_take_the_colour_before_them() {
        let seen = vision("green hills with pink flowers under a blue sky");
        assert_eq!(seen.ground.and_then(|ground| ground.hue), Some(148.0));
        assert_eq!(seen.petals.and_then(|petals| petals.hue), Some(355.0));
        assert_eq!(seen.tints.len(), 1);
    }

    #[test]
    fn what_the_negative_prompt_names_is_left_out() {
        let seen = Vision::of("the sea with birds", "birds, clouds", 1, 20);
        assert!(!seen.has(Thing::Birds) && !seen.has(Thing::Clouds));
    }

    #[test]
    fn a_seed_moves_things_and_keeps_the_motif() {
        let one = Vision::of("qwerty", "", 1, 20);
        let two = Vision::of("qwerty", "", 2, 20);
        assert_ne!(one.seed, two.seed);
        assert_eq!((one.scene, one.time, one.look), (two.scene, two.time, two.look));
    }
}
