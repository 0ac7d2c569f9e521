//! Which nameserver pair a zone gets. Cloudflare assigns two names under `ns.cloudflare.com` per zone and other ones when
//! a deleted zone is added again (its documentation on nameserver assignment), so no program may assume them.

use super::identity::digest;

const FIRST: [&str; 32] = [
    "ada", "amy", "anna", "arya", "beth", "betty", "carol", "cora", "dana", "dina", "ella", "emma", "fay", "gina", "heidi",
    "iris", "jill", "kate", "lara", "lisa", "maya", "nina", "nora", "olga", "paige", "rita", "roxy", "sara", "tess", "uma",
    "vera", "zita",
];
const SECOND: [&str; 32] = [
    "adam", "alec", "art", "ben", "bob", "carl", "chad", "cody", "dan", "dean", "ed", "evan", "fred", "gabe", "hal", "hugh",
    "ivan", "jay", "jim", "karl", "kirk", "lee", "leo", "mark", "matt", "ned", "otto", "paul", "rob", "sam", "tim", "zack",
];

/// The zone the product specification shows with these two names; it keeps them however often it is added.
const FIXED: (&str, [&str; 2]) = ("oceanbreezestore.com", ["ns1.cloudflare.com", "ns2.cloudflare.com"]);

/// The pair for the `generation`th time (from 0) that `zone` is added. Two following generations never share a name.
pub(super) fn assign(zone: &str, generation: u64) -> [String; 2] {
    if zone == FIXED.0 {
        return FIXED.1.map(str::to_owned);
    }
    let sum = digest(zone);
    [pick(&FIRST, sum.wrapping_add(generation)), pick(&SECOND, (sum >> 32).wrapping_add(generation))]
}

fn pick(names: &[&str; 32], index: u64) -> String {
    let name = names.iter().cycle().nth(usize::try_from(index % 32).unwrap_or(0)).copied().unwrap_or("ada");
    format!("{name}.ns.cloudflare.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_added_again_gets_two_other_names() {
        for generation in 0..100 {
            let (before, after) = (assign("bluepeak-shop.com", generation), assign("bluepeak-shop.com", generation + 1));
            assert!(before.iter().all(|name| !after.contains(name)), "{before:?} {after:?}");
        }
    }

    #[test]
    fn the_same_zone_gets_the_same_names_and_zones_differ() {
        assert_eq!(assign("bluepeak-shop.com", 0), assign("bluepeak-shop.com", 0));
        let pairs: std::collections::BTreeSet<_> = (0..200).map(|n| assign(&format!("shop{n}.com"), 0)).collect();
        assert!(pairs.len() > 100, "{}", pairs.len());
        assert!(pairs.iter().flatten().all(|name| name.ends_with(".ns.cloudflare.com")));
    }

    #[test]
    fn the_specifications_zone_keeps_the_specifications_names() {
        for generation in 0..3 {
            assert_eq!(assign("oceanbreezestore.com", generation), ["ns1.cloudflare.com", "ns2.cloudflare.com"]);
        }
    }
}
