//! Decides, once a record is in the way, which records stay, change or are made. Pure.

use std::collections::BTreeSet;
use storex_core::{Code, Error, Mark, RecordFacts, RecordId, RecordSpec, Result};

/// Where a record asked for will come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// It is there already, mark included.
    Kept(RecordFacts),
    /// Ours, to be brought to the specification.
    Patched(RecordId),
    /// To be made.
    Posted,
}

/// What to do, one source per record asked for, in the order asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordPlan {
    /// Ours of another type, which exclude what is asked for.
    pub(crate) deletes: Vec<RecordId>,
    /// Where each record comes from.
    pub(crate) sources: Vec<Source>,
}

impl RecordPlan {
    /// Makes every record, on the assumption that nothing is in the way.
    pub(crate) fn all_posted(records: usize) -> Self {
        Self { deletes: Vec::new(), sources: vec![Source::Posted; records] }
    }

    /// Decides for `records` of the owner `mark` in a zone that holds `existing`.
    ///
    /// # Errors
    /// `foreign_object` naming the first record that is in the way and not of this owner.
    pub(crate) fn decide(records: &[RecordSpec], existing: &[RecordFacts], mark: &Mark) -> Result<Self> {
        let mut plan = Self { deletes: Vec::new(), sources: Vec::with_capacity(records.len()) };
        let mut taken = BTreeSet::new();
        let exact = claims(records, existing, mark, &mut taken, RecordSpec::matches);
        let rest = claims(records, existing, mark, &mut taken, |_, _| true);
        for ((record, exact), rest) in records.iter().zip(exact).zip(rest) {
            let source = match exact.or(rest) {
                Some(found) if record.matches(found) && found.comment.as_deref() == Some(mark.to_string().as_str()) => {
                    Source::Kept(found.clone())
                }
                Some(found) => Source::Patched(found.id.clone()),
                None => {
                    plan.clear_the_way(record, existing, mark, &taken)?;
                    Source::Posted
                }
            };
            plan.sources.push(source);
        }
        Ok(plan)
    }

    /// Nothing is to be done: the records as they are.
    pub(crate) fn finished(&self) -> Option<Vec<RecordFacts>> {
        let kept = |source: &Source| match source {
            Source::Kept(facts) => Some(facts.clone()),
            Source::Patched(_) | Source::Posted => None,
        };
        self.sources.iter().map(kept).collect()
    }

    fn clear_the_way(
        &mut self,
        record: &RecordSpec,
        existing: &[RecordFacts],
        mark: &Mark,
        taken: &BTreeSet<&RecordId>,
    ) -> Result<()> {
        for rival in existing.iter().filter(|found| record.excludes(found) && !taken.contains(&found.id)) {
            if !is_ours(rival, mark) {
                let message =
                    format!("a {} record of {} that this store does not own is in the way", rival.record_type, rival.name);
                return Err(Error::new(Code::ForeignObject, message).with("domain", &rival.name).with("detail", &rival.id));
            }
            if !self.deletes.contains(&rival.id) {
                self.deletes.push(rival.id.clone());
            }
        }
        Ok(())
    }
}

/// For each record the first of ours of its type and name that `fits` and is not taken yet.
fn claims<'e>(
    records: &[RecordSpec],
    existing: &'e [RecordFacts],
    mark: &Mark,
    taken: &mut BTreeSet<&'e RecordId>,
    fits: impl Fn(&RecordSpec, &RecordFacts) -> bool,
) -> Vec<Option<&'e RecordFacts>> {
    let mut claim = |record: &RecordSpec| {
        let ours = |found: &&RecordFacts| {
            !taken.contains(&found.id) && record.is_at(found) && is_ours(found, mark) && fits(record, found)
        };
        let found = existing.iter().find(ours)?;
        taken.insert(&found.id);
        Some(found)
    };
    records.iter().map(&mut claim).collect()
}

fn is_ours(found: &RecordFacts, mark: &Mark) -> bool {
    let theirs = found.comment.as_deref().and_then(|comment| comment.parse::<Mark>().ok());
    theirs.is_some_and(|theirs| theirs.same_owner(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storex_core::RecordType;

    fn mark(subject: &str, effect: &str) -> Mark {
        format!("storex/1 i=0a1b2c3d s={subject} e={effect}").parse().expect("a mark")
    }

    fn spec(record_type: RecordType, name: &str, content: &str) -> RecordSpec {
        RecordSpec::parse(record_type, name, content).unwrap()
    }

    fn fact(id: &str, record_type: &str, name: &str, content: &str, comment: Option<&Mark>) -> RecordFacts {
        let comment = comment.map(ToString::to_string);
        RecordFacts {
            id: id.parse().unwrap(),
            record_type: record_type.to_owned(),
            name: name.to_owned(),
            content: content.to_owned(),
            proxied: false,
            ttl: 1,
            comment,
        }
    }

    fn cname(name: &str, content: &str) -> RecordSpec {
        spec(RecordType::Cname, name, content)
    }

    #[test]
    fn ours_stay_change_or_are_made_and_take_the_new_mark() {
        let (old, new) = (mark("12345", "a.0f"), mark("12345", "b.3f"));
        let existing = [
            fact("1", "CNAME", "a.x.com", "t.net", Some(&new)),
            fact("2", "CNAME", "b.x.com", "t.net", Some(&old)),
            fact("3", "CNAME", "c.x.com", "old.net", Some(&old)),
        ];
        let asked =
            [cname("C.x.com.", "t.net"), cname("a.x.com", "T.net."), cname("d.x.com", "t.net"), cname("b.x.com", "t.net")];
        let plan = RecordPlan::decide(&asked, &existing, &new).expect("nothing foreign");
        let patched = |id: &str| Source::Patched(id.parse().unwrap());
        assert_eq!(plan.sources, [patched("3"), Source::Kept(existing[0].clone()), Source::Posted, patched("2")]);
        assert_eq!((plan.deletes.len(), plan.finished()), (0, None));
        let again = RecordPlan::decide(&asked[1..2], &existing, &new).unwrap();
        assert_eq!(again.finished(), Some(vec![existing[0].clone()]));
    }

    #[test]
    fn records_of_anybody_else_in_the_way_are_named_and_refused() {
        let mine = mark("12345", "a.0f");
        let other_store = mark("54321", "a.0f");
        for rival in [
            fact("9", "CNAME", "a.x.com", "t.net", None),
            fact("9", "CNAME", "a.x.com", "t.net", Some(&other_store)),
            fact("9", "A", "a.x.com", "10.0.0.1", None),
            fact("9", "AAAA", "a.x.com", "::1", None),
        ] {
            let error = RecordPlan::decide(&[cname("a.x.com", "t.net")], &[rival], &mine).expect_err("foreign");
            assert_eq!(error.code(), Code::ForeignObject);
            assert!(error.to_string().contains("a.x.com") && error.to_string().contains("[detail=9]"), "{error}");
        }
        let beside = [
            fact("9", "TXT", "a.x.com", "hello", None),
            fact("8", "MX", "a.x.com", "mail.net", None),
            fact("7", "CNAME", "b.x.com", "t.net", None),
        ];
        let plan = RecordPlan::decide(&[cname("a.x.com", "t.net")], &beside, &mine).expect("nothing in the way");
        assert_eq!(plan, RecordPlan::all_posted(1));
    }

    #[test]
    fn ours_of_another_type_give_way_in_the_same_transaction() {
        let mine = mark("12345", "a.0f");
        let existing = [fact("1", "A", "a.x.com", "10.0.0.1", Some(&mine)), fact("2", "AAAA", "a.x.com", "::1", Some(&mine))];
        let plan = RecordPlan::decide(&[cname("a.x.com", "t.net")], &existing, &mine).unwrap();
        assert_eq!(plan.deletes, [existing[0].id.clone(), existing[1].id.clone()]);
        assert_eq!(plan.sources, [Source::Posted]);
    }

    #[test]
    fn several_records_of_one_name_are_matched_by_content_before_any_is_changed() {
        let mine = mark("12345", "a.0f");
        let existing = [
            fact("1", "TXT", "x.com", "one", Some(&mine)),
            fact("2", "TXT", "x.com", "two", Some(&mine)),
            fact("3", "TXT", "x.com", "three", None),
        ];
        let asked = [
            spec(RecordType::Txt, "x.com", "new"),
            spec(RecordType::Txt, "x.com", "one"),
            spec(RecordType::Txt, "x.com", "more"),
        ];
        let plan = RecordPlan::decide(&asked, &existing, &mine).unwrap();
        assert_eq!(plan.sources, [Source::Patched("2".parse().unwrap()), Source::Kept(existing[0].clone()), Source::Posted]);
        let error = RecordPlan::decide(&[spec(RecordType::Txt, "x.com", "three")], &existing[2..], &mine)
            .expect_err("identical and foreign");
        assert_eq!(error.code(), Code::ForeignObject);
    }
}
