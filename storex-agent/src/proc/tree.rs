//! Which processes there are and which descend from which.

use super::Stat;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The pids of all processes, ascending; empty when /proc cannot be read.
pub fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// The living children, grandchildren, … of a process at this moment, without itself.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for child in pids() {
        if let Some(stat) = Stat::of(child).filter(Stat::is_alive) {
            children.entry(stat.parent).or_default().push(child);
        }
    }
    below(&children, pid)
}

fn below(children: &BTreeMap<u32, Vec<u32>>, pid: u32) -> Vec<u32> {
    let mut found = BTreeSet::new();
    let mut open = vec![pid];
    while let Some(parent) = open.pop() {
        for child in children.get(&parent).into_iter().flatten() {
            // A pid reused while the table was read can close a circle.
            if *child != pid && found.insert(*child) {
                open.push(*child);
            }
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Program;

    #[test]
    fn descendants_are_followed_down_and_circles_end() {
        let children = BTreeMap::from([(1, vec![2, 3]), (3, vec![4]), (4, vec![5, 3, 1]), (9, vec![10])]);
        assert_eq!(below(&children, 1), [2, 3, 4, 5]);
        assert_eq!(below(&children, 2), Vec::<u32>::new());
    }

    #[tokio::test]
    async fn a_child_is_a_descendant_of_its_parent_until_it_ends() {
        let mut child = Program::new("/bin/sleep").arg("1000").spawn().unwrap();
        let pid = child.id().unwrap();
        assert!(descendants(std::process::id()).contains(&pid));
        assert!(pids().contains(&pid));
        child.kill().await.unwrap();
        assert!(!descendants(std::process::id()).contains(&pid));
    }
}
