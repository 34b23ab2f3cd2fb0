//! What the words of a prompt mean. A dictionary, not a grammar: enough that people recognise what they asked for.

/// What kind of picture it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// Range behind range.
    Mountains,
    /// Rolling hills with flowers.
    Meadow,
    /// Rows of firs in the mist.
    Forest,
    /// Open water.
    Sea,
    /// Still water among mountains and firs.
    Lake,
    /// Dunes.
    Desert,
    /// A skyline with lit windows.
    City,
    /// A planet before a nebula.
    Space,
    /// Layers of cut paper.
    Paper,
}

/// When it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Pale and warm.
    Dawn,
    /// Blue and clear.
    Day,
    /// On fire.
    Sunset,
    /// The last light.
    Dusk,
    /// Moon and stars.
    Night,
}

/// What is to be seen in it besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// The sun's or the moon's disc.
    Orb,
    /// Stars.
    Stars,
    /// Northern lights.
    Aurora,
    /// Clouds.
    Clouds,
    /// Mist between the layers.
    Mist,
    /// Falling snow, and white ground.
    Snow,
    /// Rain.
    Rain,
    /// A flock far off.
    Birds,
    /// Flowers.
    Flowers,
    /// A sailing boat.
    Boat,
    /// Hot-air balloons.
    Balloons,
    /// A seated fox.
    Fox,
    /// A seated cat.
    Cat,
    /// A seated wolf or dog.
    Wolf,
}

/// A colour that was named.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tint {
    /// Its hue in degrees; none for black, white and grey.
    pub hue: Option<f32>,
    /// How saturated, 1 being ordinary.
    pub strength: f32,
    /// Its lightness.
    pub light: f32,
}

/// What one word says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Hint {
    /// The kind of picture.
    Scene(Scene),
    /// When.
    Time(Time),
    /// What is in it.
    Thing(Thing),
    /// In which colour.
    Tint(Tint),
}

const fn tint(hue: f32, strength: f32, light: f32) -> Hint {
    Hint::Tint(Tint { hue: Some(hue), strength, light })
}

const fn grey(light: f32) -> Hint {
    Hint::Tint(Tint { hue: None, strength: 0.0, light })
}

/// The words of a text, small and without a plural's s.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(|word| {
        let word = word.to_lowercase();
        match word.strip_suffix('s') {
            Some(singular) if word.len() > 3 && !word.ends_with("ss") => singular.into(),
            _ => word,
        }
    })
}

/// What a word says: nothing, one thing or several.
pub fn hints(word: &str) -> &'static [Hint] {
    use Hint::{Scene as S, Thing as T, Time as When};
    match word {
        "mountain" | "peak" | "alp" | "alpine" | "cliff" | "valley" | "himalaya" | "canyon" | "landscape" => {
            &[S(Scene::Mountains)]
        }
        "meadow" | "hill" | "field" | "grass" | "prairie" | "countryside" | "garden" | "farm" | "village" => {
            &[S(Scene::Meadow)]
        }
        "flower" | "tulip" | "poppy" | "rose" | "blossom" | "wildflower" => &[T(Thing::Flowers), S(Scene::Meadow)],
        "lavender" => const { &[S(Scene::Meadow), tint(305.0, 1.0, 0.65), T(Thing::Flowers)] },
        "forest" | "wood" | "tree" | "pine" | "fir" | "jungle" | "taiga" | "path" => &[S(Scene::Forest)],
        "sea" | "ocean" | "beach" | "coast" | "wave" | "water" | "bay" | "harbour" | "harbor" | "island"
        | "underwater" => &[S(Scene::Sea)],
        "lake" | "river" | "pond" | "fjord" | "reflection" => &[S(Scene::Lake)],
        "desert" | "dune" | "sand" | "sahara" | "mar" => &[S(Scene::Desert)],
        "city" | "skyline" | "town" | "street" | "building" | "tower" | "skyscraper" | "tokyo" | "york" | "urban" => {
            &[S(Scene::City)]
        }
        "cyberpunk" | "neon" => {
            const { &[S(Scene::City), When(Time::Night), tint(335.0, 1.4, 0.6), tint(205.0, 1.2, 0.7)] }
        }
        "space" | "planet" | "galaxy" | "nebula" | "cosmo" | "cosmic" | "universe" | "astronaut" | "rocket"
        | "saturn" | "jupiter" => &[S(Scene::Space)],
        "abstract" | "pattern" | "marble" | "paper" | "fluid" | "wallpaper" | "texture" | "geometric" | "flow"
        | "dream" => &[S(Scene::Paper)],

        "dawn" | "sunrise" | "morning" => &[When(Time::Dawn), T(Thing::Orb)],
        "day" | "noon" | "afternoon" | "summer" | "bright" | "sunny" => &[When(Time::Day)],
        "sunset" | "evening" => &[When(Time::Sunset), T(Thing::Orb)],
        "dusk" | "twilight" => &[When(Time::Dusk)],
        "night" | "midnight" | "dark" => &[When(Time::Night), T(Thing::Stars)],
        "moon" | "moonlight" | "moonlit" => &[When(Time::Night), T(Thing::Orb)],
        "sun" | "sunlight" => &[T(Thing::Orb)],
        "star" | "starry" | "milky" => &[When(Time::Night), T(Thing::Stars)],
        "aurora" | "borealis" | "northern" => &[When(Time::Night), T(Thing::Aurora), T(Thing::Stars)],
        "autumn" | "fall" => const { &[tint(50.0, 1.5, 0.6), S(Scene::Forest), When(Time::Dawn)] },
        "spring" => &[When(Time::Day), T(Thing::Flowers)],

        "cloud" | "cloudy" | "sky" => &[T(Thing::Clouds)],
        "mist" | "misty" | "fog" | "foggy" | "haze" | "hazy" => &[T(Thing::Mist)],
        "snow" | "snowy" | "winter" | "ice" | "arctic" | "blizzard" | "christma" => &[T(Thing::Snow)],
        "rain" | "rainy" | "storm" | "stormy" => &[T(Thing::Rain), T(Thing::Clouds)],
        "bird" | "seagull" | "goose" | "geese" | "flock" | "crane" => &[T(Thing::Birds)],
        "boat" | "ship" | "sail" | "sailboat" | "yacht" => &[S(Scene::Sea), T(Thing::Boat)],
        "balloon" => &[T(Thing::Balloons)],
        "fox" | "foxe" => &[T(Thing::Fox)],
        "cat" | "kitten" | "kitty" => &[T(Thing::Cat)],
        "wolf" | "wolve" | "dog" | "puppy" | "husky" | "coyote" => &[T(Thing::Wolf)],

        "red" | "crimson" | "scarlet" | "ruby" => const { &[tint(26.0, 1.4, 0.58)] },
        "fire" | "fiery" | "lava" | "flame" => const { &[tint(35.0, 1.6, 0.62), When(Time::Sunset)] },
        "orange" | "amber" | "copper" | "ginger" => const { &[tint(55.0, 1.3, 0.7)] },
        "gold" | "golden" | "yellow" | "honey" => const { &[tint(88.0, 1.2, 0.82)] },
        "green" | "emerald" | "lime" | "moss" => const { &[tint(148.0, 1.1, 0.62)] },
        "teal" | "turquoise" | "mint" => const { &[tint(185.0, 1.0, 0.7)] },
        "cyan" | "aqua" => const { &[tint(210.0, 1.1, 0.75)] },
        "blue" | "azure" | "sapphire" | "cobalt" => const { &[tint(258.0, 1.3, 0.55)] },
        "indigo" | "navy" => const { &[tint(275.0, 1.2, 0.38)] },
        "purple" | "violet" | "amethyst" => const { &[tint(305.0, 1.3, 0.55)] },
        "magenta" | "fuchsia" => const { &[tint(335.0, 1.4, 0.62)] },
        "pink" | "cherry" | "sakura" => const { &[tint(355.0, 1.0, 0.78)] },
        "brown" | "sepia" | "bronze" | "rust" => const { &[tint(60.0, 0.6, 0.5)] },
        "white" | "silver" => const { &[grey(0.92)] },
        "grey" | "gray" | "monochrome" => const { &[grey(0.6)] },
        "black" | "noir" => const { &[grey(0.15)] },
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_small_and_singular() {
        let found: Vec<_> = words("Red FOXES, misty-hills & grass").collect();
        assert_eq!(found, ["red", "foxe", "misty", "hill", "grass"]);
    }

    #[test]
    fn plurals_say_what_the_singular_says() {
        for text in ["mountains", "waves", "foxes", "wolves", "stars", "roses"] {
            let word = words(text).next().expect("a word");
            assert!(!hints(&word).is_empty(), "{text} as {word}");
        }
    }

    #[test]
    fn an_unknown_word_says_nothing() {
        assert!(hints("the").is_empty());
    }
}
