//! The one writer of the tunnel's document under two controllers, strangers, crashes and writes that land late: no rule is lost.

#[cfg(test)]
mod dice;
#[cfg(test)]
mod direct;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod stranger;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod wire;

#[cfg(test)]
mod tests {
    use super::guards::Without;
    use super::trial::{Findings, trial};

    fn trials(without: Without, seeds: std::ops::Range<u64>) -> Findings {
        let mut sum = Findings::default();
        for seed in seeds {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
            let found = runtime.block_on(trial(without, seed));
            assert!(without != Without::Nothing || found.problems.is_empty(), "seed {seed}: {:#?}", found.problems);
            sum.add(found);
        }
        sum
    }

    #[test]
    fn no_rule_is_lost_whatever_happens_and_without_any_of_its_guards_some_are() {
        let sound = trials(Without::Nothing, 0..12);
        println!(
            "tunnel writer: 0 problems of {} store changes in 12 trials ({} writes, at most {} allowed; {} of strangers, {} crashes, {} late landings)",
            sound.changes, sound.puts, sound.allowed, sound.strangers, sound.crashes, sound.late
        );
        assert!(sound.changes > 200 && sound.crashes > 10 && sound.strangers > 100 && sound.late > 5, "{sound:?}");
        assert!(sound.puts <= sound.allowed && sound.puts < sound.changes, "changes share writes: {sound:?}");
        for (without, seeds) in [(Without::Fence, 4), (Without::Compare, 12), (Without::Doubt, 4)] {
            let found = trials(without, 0..seeds);
            println!(
                "control without {without:?}: {} problems in {seeds} trials, such as {:?}",
                found.problems.len(),
                found.problems.first()
            );
            assert!(!found.problems.is_empty(), "{without:?} is not needed");
        }
    }
}
