//! Whose turn it is: tags, a pool's virtual clock, and the ranks that follow from them.
//!
//! This is weighted fair queueing with equal weights, in integers. A pool's clock advances by 1/N of a turn at each claim,
//! N being the parties that have jobs waiting in its line at that moment: it tells how many turns each of them has had. A job that
//! becomes queued is tagged with the turn of its party that it will be, and its rank is that tag, less what its priority is
//! worth, then its ticket. A rank is given once and nothing is ever swept, so parties take turns, an idle one banks nothing,
//! a backlog that was cancelled is not held against anybody, and nobody starves.
//!
//! The clock is one of its own because deriving it from the tags that were claimed looks simpler and is wrong: one urgent
//! job of a party with a backlog would move it past everybody else.

use crate::ids::{Party, Rank, Tag, Ticket};
use crate::pool::{Pool, Share, trimmed};

/// One whole turn.
pub const TURN: Tag = 1 << 20;

/// The priorities there are.
pub const PRIORITIES: std::ops::RangeInclusive<i32> = -100..=100;

/// The tag of a job that becomes queued: one turn after the pool's clock and after all that its party has taken or asked for.
/// `waiting` is the largest tag among the jobs of the party that wait in the pool's line.
pub fn tag(pool: &Pool, party: &Party, waiting: Option<Tag>) -> Tag {
    let claimed = pool.shares.iter().find(|share| share.party == *party).map(|share| share.tag);
    pool.clock.max(waiting.unwrap_or(Tag::MIN)).max(claimed.unwrap_or(Tag::MIN)) + TURN
}

/// Records in `pool` that a job of `party` was claimed while jobs of `parties` parties waited, its own included.
pub fn claim(pool: &mut Pool, party: Party, tag: Tag, parties: usize) {
    pool.clock += (TURN / (parties.max(1) as Tag)).max(1);
    let before = pool.shares.iter().find(|share| share.party == party).map_or(tag, |share| share.tag);
    let clock = pool.clock;
    pool.shares.retain(|share| share.tag > clock && share.party != party);
    let share = Share { party, tag: tag.max(before) };
    if share.tag > clock {
        pool.shares.push(share);
    }
    pool.shares = trimmed(std::mem::take(&mut pool.shares));
}

/// The rank of a job with this tag, priority and ticket, when one point of priority is worth `worth` turns.
pub fn rank(tag: Tag, priority: i32, worth: u32, ticket: Ticket) -> Rank {
    place(tag - Tag::from(priority) * Tag::from(worth) * TURN, ticket)
}

/// A key and a ticket as text that sorts as they do: sixteen hexadecimal digits each, the key's sign flipped.
fn place(key: Tag, ticket: Ticket) -> Rank {
    Rank(format!("{:016x}{ticket:016x}", (key as u64) ^ (1 << 63)))
}

/// The key that a rank begins with.
fn key(rank: &Rank) -> Tag {
    let digits = rank.0.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    (digits.unwrap_or(1 << 63) ^ (1 << 63)) as Tag
}

/// The rank that is by so much further back, or further ahead if that is negative: how the ranks of two lines compare whose tags
/// are counted from different origins.
pub fn shifted(rank: &Rank, by: Tag) -> Rank {
    let rest = rank.0.get(16..).unwrap_or_default();
    Rank(format!("{:016x}{rest}", (key(rank).saturating_add(by) as u64) ^ (1 << 63)))
}

/// A rank just before that of the first in line.
pub fn before_first(first: &Rank, ticket: Ticket) -> Rank {
    place(key(first).saturating_sub(1), ticket)
}

/// A rank just after that of the last in line: what arrives later still comes after it.
pub fn after_last(last: &Rank, ticket: Ticket) -> Rank {
    place(key(last).saturating_add(1), ticket)
}

/// A rank between two others, `low` being less than `high`: a fractional index. It ends in the ticket, so that no two jobs
/// ever have the same, and in a digit that is not 0, so that there is always room before it.
///
/// The crate `fractional_index` is not used: its `new_between` underflows at a common byte of 0 (2.0.2), of which tags
/// and tickets are full.
pub fn between(low: &Rank, high: &Rank, ticket: Ticket) -> Rank {
    let mut digits: Vec<u8> = Vec::with_capacity(40);
    let mut lows = low.0.bytes().map(digit);
    let mut highs = high.0.bytes().map(digit);
    // Along what both begin with, up to where there is room. `low` may end first: then anything longer is after it.
    loop {
        let (least, most) = (lows.next(), highs.next().unwrap_or(16));
        match least {
            Some(least) if least >= most => digits.push(least),
            Some(least) if most - least >= 2 => {
                digits.push(least.midpoint(most));
                break;
            }
            Some(least) => {
                digits.push(least);
                above(&mut lows, &mut digits);
                break;
            }
            None if most > 0 => {
                digits.push(most / 2);
                break;
            }
            None => digits.push(0),
        }
    }
    // As long as a key at least: then no rank that was given on arrival begins with this one.
    digits.resize(digits.len().max(16), 8);
    let text: String = digits.into_iter().filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect();
    Rank(format!("{text}{ticket:016x}8"))
}

/// Appends digits that are more than those left of `lows`.
fn above(lows: &mut impl Iterator<Item = u8>, digits: &mut Vec<u8>) {
    for least in lows {
        if least < 15 {
            digits.push(least + (16 - least) / 2);
            return;
        }
        digits.push(least);
    }
    digits.push(8);
}

fn digit(byte: u8) -> u8 {
    char::from(byte).to_digit(16).unwrap_or_default() as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whoever moves whichever job between whichever two, however often.
        #[test]
        fn there_is_always_room_between_two_ranks(
            arrivals in prop::collection::vec((-3i64..3, 0u64..300), 2..5),
            moves in prop::collection::vec((any::<prop::sample::Index>(), 0u64..300), 0..60),
        ) {
            let mut line: Vec<Rank> = arrivals.into_iter().map(|(key, ticket)| place(key, ticket)).collect();
            line.sort();
            line.dedup();
            for (index, ticket) in moves {
                if line.len() < 2 {
                    break;
                }
                let at = index.index(line.len() - 1);
                let rank = between(&line[at], &line[at + 1], ticket);
                prop_assert!(line[at] < rank && rank < line[at + 1], "{rank:?} in {line:?}");
                line.insert(at + 1, rank);
            }
        }

        #[test]
        fn ranks_sort_as_keys_and_tickets_do(a in any::<(i64, u64)>(), b in any::<(i64, u64)>()) {
            prop_assert_eq!(place(a.0, a.1).cmp(&place(b.0, b.1)), a.cmp(&b));
            prop_assert_eq!(key(&place(a.0, a.1)), a.0);
        }

        #[test]
        fn ranks_that_are_shifted_alike_stay_in_order(
            a in (-9i64..9, 0u64..9), b in (-9i64..9, 0u64..9), by in -99i64..99,
        ) {
            let (low, high) = (place(a.0.min(b.0), a.1), place(a.0.max(b.0) + 1, b.1));
            let middle = between(&low, &high, 3);
            let moved = [&low, &middle, &high].map(|rank| shifted(rank, by));
            prop_assert!(moved.is_sorted());
            prop_assert_eq!(moved.map(|rank| shifted(&rank, -by)), [low, middle, high]);
        }
    }

    /// Each way in which two ranks can differ: in one digit by one or by more, in a carry, in that one goes on where the other ends.
    #[test]
    fn a_rank_between_two_is_between_them_whatever_they_differ_in_and_no_longer_than_it_must_be() {
        let mut ends = vec![String::new()];
        for _ in 0..4 {
            let longer = ends.iter().flat_map(|end| "0178ef".chars().map(move |digit| format!("{end}{digit}")));
            ends.extend(longer.collect::<Vec<_>>());
        }
        ends.sort();
        ends.dedup();
        let ranks: Vec<Rank> =
            ends.iter().filter(|end| end.ends_with(['1', '7', '8', 'e', 'f'])).map(|end| Rank(end.clone())).collect();
        // Neighbours at all distances, from next to each other to far apart.
        for (at, low) in ranks.iter().enumerate() {
            for high in [1, 2, 3, 5, 17, 101, 997].iter().filter_map(|far| ranks.get(at + far)) {
                let rank = between(low, high, 7);
                assert!(*low < rank && rank < *high, "{rank:?} between {low:?} and {high:?}");
                // One digit more than the longer of the two says all that there is to say; then come padding and ticket.
                let told = rank.0.len() - 17;
                assert!(told <= low.0.len().max(high.0.len()).max(15) + 1, "{rank:?} between {low:?} and {high:?}");
            }
        }
        // Room in a digit is used where it is: the middle of it.
        for (low, high, middle) in [
            ("2", "8", "5"),
            ("2", "4", "3"),
            ("21", "31", "28"),
            ("28", "31", "2c"),
            ("2f", "31", "2f8"),
            ("2", "21", "208"),
        ] {
            let rank = between(&Rank(low.into()), &Rank(high.into()), 7);
            assert!(rank.0.starts_with(middle), "{rank:?} between {low} and {high}");
        }
    }

    #[test]
    fn the_ends_of_a_line_are_just_outside_of_it() {
        let line = place(5, 7);
        assert_eq!((before_first(&line, 9), after_last(&line, 9)), (place(4, 9), place(6, 9)));
        let moved = between(&line, &place(5, 8), 3);
        assert!(before_first(&moved, 9) < line && place(5, 8) < after_last(&moved, 9));
    }

    #[test]
    fn a_pool_forgets_the_claims_that_are_nearest_to_its_clock() {
        let party = |n: usize| Party { owner: format!("{n:03}"), user: None };
        let mut pool = Pool::default();
        for n in 0..100 {
            claim(&mut pool, party(n), TURN * (n as Tag + 1), 1_000);
        }
        assert_eq!(pool.clock, 100 * (TURN / 1_000));
        let kept: Vec<Tag> = pool.shares.iter().map(|share| share.tag / TURN).collect();
        assert_eq!(kept, (37..=100).rev().collect::<Vec<_>>());
    }
}
