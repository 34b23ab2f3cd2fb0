//! Figures as people read them.

use crate::row::Unit;

/// A figure with three significant digits and its unit.
pub fn figure(value: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond => format!("{}/s", thousands(value)),
        Unit::Bytes => format!("{} B", thousands(value)),
        Unit::Seconds if value >= 1.0 => format!("{} s", digits(value)),
        Unit::Seconds if value >= 1e-3 => format!("{} ms", digits(value * 1e3)),
        Unit::Seconds if value >= 1e-6 => format!("{} µs", digits(value * 1e6)),
        Unit::Seconds => format!("{} ns", digits(value * 1e9)),
    }
}

/// How many times as much.
pub fn times(value: f64) -> String {
    format!("{}×", digits(value))
}

fn digits(value: f64) -> String {
    match value {
        _ if value >= 100.0 => thousands(value),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number, in groups of three.
fn thousands(value: f64) -> String {
    let plain = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_unit_that_suits_them() {
        assert_eq!(figure(0.000_000_85, Unit::Seconds), "850 ns");
        assert_eq!(figure(0.000_017_3, Unit::Seconds), "17.3 µs");
        assert_eq!(figure(0.000_65, Unit::Seconds), "650 µs");
        assert_eq!(figure(0.025, Unit::Seconds), "25.0 ms");
        assert_eq!(figure(4.321, Unit::Seconds), "4.32 s");
        assert_eq!(figure(10_432.4, Unit::PerSecond), "10,432/s");
        assert_eq!(figure(1024.0, Unit::Bytes), "1,024 B");
        assert_eq!(figure(124.0, Unit::Bytes), "124 B");
        assert_eq!(times(1.5), "1.50×");
    }
}
