//! Query strings and pages.

use serde_json::{Value, json};

/// The decoded query of a call, in order; keys may repeat.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(pub(super) Vec<(String, String)>);

impl Query {
    /// The last value of `key`, if it was given.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Every pair, in order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether the list is wanted in descending order.
    pub(super) fn descending(&self) -> bool {
        self.get("direction") == Some("desc")
    }

    /// Whether one matching filter is enough (`match=any`).
    pub(super) fn any_matches(&self) -> bool {
        self.get("match") == Some("any")
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.get(key).and_then(|text| text.parse().ok())
    }
}

/// Page sizes of one list: what it is by default, and between which bounds a wish is clamped.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageSizes {
    pub(super) default: u64,
    pub(super) least: u64,
    pub(super) most: u64,
}

/// Where a page lies in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    number: u64,
    size: u64,
    count: u64,
    total: u64,
}

impl Page {
    /// `result_info` of the answer. A client follows these numbers, not the ones it asked for.
    pub(super) fn info(self) -> Value {
        json!({
            "page": self.number,
            "per_page": self.size,
            "count": self.count,
            "total_count": self.total,
            "total_pages": self.total.div_ceil(self.size),
        })
    }
}

/// The page of `items` that `query` asks for. A page past the end is empty; wishes out of bounds are clamped silently,
/// as Cloudflare does.
pub(super) fn page<T>(items: Vec<T>, query: &Query, sizes: PageSizes) -> (Vec<T>, Page) {
    let size = query.number("per_page").unwrap_or(sizes.default).clamp(sizes.least, sizes.most);
    let number = query.number("page").unwrap_or(1).max(1);
    let total = items.len() as u64;
    let skipped = usize::try_from((number - 1).saturating_mul(size)).unwrap_or(usize::MAX);
    let taken = usize::try_from(size).unwrap_or(usize::MAX);
    let chosen: Vec<T> = items.into_iter().skip(skipped).take(taken).collect();
    let count = chosen.len() as u64;
    (chosen, Page { number, size, count, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: PageSizes = PageSizes { default: 20, least: 5, most: 50 };

    fn query(text: &str) -> Query {
        Query(text.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    }

    #[test]
    fn pages_cover_a_list_without_gap_or_overlap() {
        let all: Vec<u32> = (0..53).collect();
        let mut seen = Vec::new();
        for number in 1..=6 {
            let (items, place) = page(all.clone(), &query(&format!("per_page=10&page={number}")), SIZES);
            assert_eq!(place.info()["count"], items.len());
            assert_eq!(place.info()["total_pages"], 6);
            seen.extend(items);
        }
        assert_eq!(seen, all);
        assert!(page(all, &query("per_page=10&page=7"), SIZES).0.is_empty());
    }

    #[test]
    fn page_sizes_out_of_bounds_are_clamped_and_nonsense_is_the_default() {
        for (wish, got) in [("per_page=1000", 50), ("per_page=1", 5), ("per_page=many", 20), ("page=0", 20)] {
            let (items, place) = page((0..100).collect::<Vec<u32>>(), &query(wish), SIZES);
            assert_eq!(items.len(), got, "{wish}");
            assert_eq!(place.info()["page"], 1);
        }
    }
}
