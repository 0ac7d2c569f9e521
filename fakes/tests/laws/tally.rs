//! Which broken twin fails which law, for each trait once, and the total over all traits.

use crate::{archive, databases, dns, domains, edge, host, insight, processes, proxy_files, repo};
use std::fmt::Debug;
use std::sync::Arc;
use storex_fakes::laws::{Law, book, broken_laws};

/// Number of the law that every subject keeps: what a law looks like that no broken twin fails.
const CONTROL: &str = "control";

/// What the broken twins of one trait did.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Name of the trait.
    pub(crate) trait_name: &'static str,
    /// How many laws it has.
    pub(crate) laws: usize,
    /// Each twin with the laws it broke.
    pub(crate) twins: Vec<(String, Vec<&'static str>)>,
    /// Laws, the control among them, that no twin failed.
    unfailed: Vec<&'static str>,
}

impl Tally {
    /// Runs every broken twin through the laws and through the control, which nobody can fail.
    pub(crate) async fn count<T, D>(trait_name: &'static str, laws: Vec<Law<T>>, twins: Vec<(D, Arc<T>)>) -> Self
    where
        T: ?Sized + 'static,
        D: Debug,
    {
        let mut laws = laws;
        laws.push(Law { id: CONTROL, sentence: "nothing is promised", judge: |_| Box::pin(async { Ok(()) }) });
        let mut seen = Vec::new();
        for (defect, subject) in twins {
            let broken: Vec<&str> = broken_laws(&laws, &subject).await.into_iter().map(|(law, _)| law).collect();
            seen.push((format!("{defect:?}"), broken));
        }
        let unfailed = laws.iter().map(|law| law.id).filter(|id| !seen.iter().any(|(_, broken)| broken.contains(id))).collect();
        Self { trait_name, laws: laws.len() - 1, twins: seen, unfailed }
    }

    /// Both together: laws of one trait whose subjects differ.
    pub(crate) fn and(mut self, other: Self) -> Self {
        assert_eq!(self.trait_name, other.trait_name);
        self.laws += other.laws;
        self.twins.extend(other.twins);
        self.unfailed.extend(other.unfailed.into_iter().filter(|id| *id != CONTROL));
        self
    }

    /// Both together, when the twins of both are the same: what one of them broke is the sum.
    pub(crate) fn and_of_the_same(mut self, other: Self) -> Self {
        self.laws += other.laws;
        for ((twin, broken), (same, more)) in self.twins.iter_mut().zip(other.twins) {
            assert_eq!(*twin, same);
            broken.extend(more);
        }
        self.unfailed.extend(other.unfailed.into_iter().filter(|id| *id != CONTROL));
        self
    }

    /// Laws no broken twin fails.
    pub(crate) fn left_over(&self) -> Vec<&'static str> {
        self.unfailed.iter().copied().filter(|id| *id != CONTROL).collect()
    }

    /// Twins that break nothing.
    pub(crate) fn harmless(&self) -> Vec<&str> {
        self.twins.iter().filter(|(_, broken)| broken.is_empty()).map(|(twin, _)| twin.as_str()).collect()
    }

    /// Fails when a law or a twin is idle, or when the control was not found to be.
    pub(crate) fn assert_whole(&self) {
        assert_eq!((self.left_over(), self.harmless()), (vec![], vec![]), "laws no twin fails and twins no law finds");
        assert_eq!(self.unfailed, [CONTROL], "{}: a law nobody fails is not noticed", self.trait_name);
    }
}

/// A value computed once in this process, by a runtime of its own; `paused` runtimes jump over waiting.
pub(crate) fn on_a_runtime<T>(paused: bool, work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build().expect("a runtime").block_on(work)
}

#[test]
fn no_law_of_any_trait_is_left_that_no_broken_twin_fails() {
    let tallies = [
        repo::tally(),
        archive::tally(),
        domains::zones_tally(),
        domains::tunnels_tally(),
        edge::tally(),
        insight::tally(),
        dns::tally(),
        host::tally(),
        databases::tally(),
        processes::tally(),
        proxy_files::proxy_tally(),
        proxy_files::files_tally(),
    ];
    let book = book();
    for tally in tallies {
        let chapter = book.iter().find(|chapter| chapter.trait_name == tally.trait_name).expect("the trait is in the book");
        assert_eq!(chapter.laws.len(), tally.laws, "{}: its laws in the book are those the twins sat", tally.trait_name);
        println!(
            "{:<18} {:>3} laws, {} implementations sit them, {:>2} broken twins, {} laws left over",
            tally.trait_name,
            tally.laws,
            chapter.sittings.len(),
            tally.twins.len(),
            tally.left_over().len()
        );
        tally.assert_whole();
    }
    assert_eq!(tallies.len(), book.len(), "every trait of the book has broken twins");
    let sum = |count: fn(&Tally) -> usize| tallies.into_iter().map(count).sum::<usize>();
    let (laws, twins) = (sum(|tally| tally.laws), sum(|tally| tally.twins.len()));
    let sittings: usize = book.iter().map(|chapter| chapter.sittings.len()).sum();
    println!(
        "laws: {} laws left over of {laws} ({} traits, {sittings} implementations, {twins} broken twins); control: {} of {} left over with one idle law per trait",
        sum(|tally| tally.left_over().len()),
        tallies.len(),
        sum(|tally| tally.unfailed.len()),
        laws + tallies.len()
    );
}
