//! Laws of rules.

use super::{
    Broken, CUSTOM, Code, EdgeSubject, Law, RuleChange, RuleList, RulePhase, Subject, Verdict, begun, cx, ensure, fields, law,
    listed, new_zone, references, refused, refused_with, rule, says,
};
use futures::future::join_all;
use serde_json::json;
use storex_core::{EdgeRule, RuleFacts, RuleId, ZoneId};

pub(super) fn laws() -> Vec<Law<EdgeSubject>> {
    vec![
        law!("EP-11", "a new zone has no list of rules in any phase", none_at_first),
        law!("EP-12", "a list that was begun holds its rules in order and word for word", begun_as_asked),
        law!("EP-13", "beginning a list where there is one is refused and changes nothing", begun_once),
        law!("EP-14", "a rule is added behind all others, which stay as they are", added_behind),
        law!(
            "EP-15",
            "a rule that is changed keeps its place and its identifier, and the others stay as they are",
            changed_in_place
        ),
        law!("EP-16", "a rule that is removed goes alone", removed_alone),
        law!("EP-17", "removing a rule that is gone succeeds", removed_twice),
        law!("EP-18", "keys storex does not know are kept", unknown_keys),
        law!("EP-19", "a change to a list or a rule that is not there is refused and changes nothing", not_there),
        law!("EP-20", "the rules of two phases and of two zones are two", separate),
        law!("EP-21", "more rules than the plan allows are refused and change nothing", too_many),
        law!("EP-22", "a reference that is taken is refused and changes nothing", reference_twice),
        law!("EP-23", "of several that begin one list at once exactly one does", at_once),
    ]
}

async fn none_at_first(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    for phase in RulePhase::ALL {
        let list = subject.edge.rules(&zone, phase).await?;
        ensure(list.is_none(), || format!("{phase}: {list:?}"))?;
    }
    Ok(())
}

async fn begun_as_asked(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let asked = ["storex-z", "storex-a", "theirs"];
    let list = begun(&subject, &zone, &asked).await?;
    let whole = list.rules.len() == 3 && list.rules.iter().zip(asked).all(|(facts, reference)| says(facts, &rule(reference)));
    ensure(whole, || format!("asked {asked:?}, found {list:?}"))
}

async fn begun_once(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let before = begun(&subject, &zone, &["theirs"]).await?;
    let again = RuleChange::Begin { rules: vec![rule("storex-a")] };
    refused_with(subject.edge.change_rules(&cx()?, &zone, CUSTOM, &again).await, Code::VersionConflict)?;
    unchanged(&subject, &zone, &before).await
}

async fn unchanged(subject: &EdgeSubject, zone: &ZoneId, before: &RuleList) -> Verdict {
    let after = listed(subject, zone).await?;
    ensure(after == *before, || format!("before {before:?}, after {after:?}"))
}

/// Makes the change and answers the list before and after it.
async fn change(subject: &EdgeSubject, zone: &ZoneId, change: &RuleChange) -> Result<RuleList, Broken> {
    subject.edge.change_rules(&cx()?, zone, CUSTOM, change).await?;
    listed(subject, zone).await
}

/// The rule at this place.
fn at(list: &RuleList, place: usize) -> Result<&RuleFacts, Broken> {
    list.rules.get(place).ok_or_else(|| Broken(format!("there is no rule {place}: {list:?}")))
}

async fn added_behind(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let before = begun(&subject, &zone, &["theirs", "storex-b"]).await?;
    let after = change(&subject, &zone, &RuleChange::Add { list: before.id.clone(), rule: rule("storex-a") }).await?;
    let kept = after.id == before.id && after.rules.get(..2) == Some(before.rules.as_slice());
    ensure(kept && references(&after) == ["theirs", "storex-b", "storex-a"], || format!("before {before:?}, after {after:?}"))
}

async fn changed_in_place(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let before = begun(&subject, &zone, &["theirs", "storex-a", "last"]).await?;
    let wanted = EdgeRule { body: fields(json!({"action": "managed_challenge", "expression": "true"})), ..rule("storex-a") };
    let id = at(&before, 1)?.id.clone();
    let after = change(&subject, &zone, &RuleChange::Change { list: before.id.clone(), id, rule: wanted.clone() }).await?;
    let place = at(&after, 1)?;
    let others = after.rules.len() == 3 && at(&after, 0)? == at(&before, 0)? && at(&after, 2)? == at(&before, 2)?;
    let same = place.id == at(&before, 1)?.id && says(place, &wanted);
    ensure(others && same, || format!("before {before:?}, after {after:?}"))
}

async fn removed_alone(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let before = begun(&subject, &zone, &["theirs", "storex-a", "last"]).await?;
    let gone = RuleChange::Remove { list: before.id.clone(), id: at(&before, 1)?.id.clone() };
    let after = change(&subject, &zone, &gone).await?;
    let wanted = [at(&before, 0)?.clone(), at(&before, 2)?.clone()];
    ensure(after.rules == wanted, || format!("before {before:?}, after {after:?}"))
}

async fn removed_twice(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let list = begun(&subject, &zone, &["theirs", "storex-a"]).await?;
    let gone = RuleChange::Remove { list: list.id.clone(), id: at(&list, 1)?.id.clone() };
    change(&subject, &zone, &gone).await?;
    let after = change(&subject, &zone, &gone).await?;
    ensure(references(&after) == ["theirs"], || format!("{after:?}"))
}

async fn unknown_keys(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let mut odd = rule("theirs");
    odd.body.insert("from_next_year".to_owned(), json!({"a": [1, null, "x"], "b": {}}));
    let begin = RuleChange::Begin { rules: vec![odd.clone()] };
    subject.edge.change_rules(&cx()?, &zone, CUSTOM, &begin).await?;
    let before = listed(&subject, &zone).await?;
    let after = change(&subject, &zone, &RuleChange::Add { list: before.id.clone(), rule: rule("storex-a") }).await?;
    ensure(says(at(&after, 0)?, &odd) && at(&after, 0)? == at(&before, 0)?, || format!("before {before:?}, after {after:?}"))
}

async fn not_there(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let before = begun(&subject, &zone, &["theirs"]).await?;
    let nowhere: RuleId = "0123456789abcdef0123456789abcdef".parse()?;
    let (list, id, rule) = (before.id.clone(), at(&before, 0)?.id.clone(), rule("storex-a"));
    for change in [
        RuleChange::Add { list: nowhere.clone(), rule: rule.clone() },
        RuleChange::Change { list: nowhere.clone(), id, rule: rule.clone() },
        RuleChange::Change { list, id: nowhere, rule },
    ] {
        refused_with(subject.edge.change_rules(&cx()?, &zone, CUSTOM, &change).await, Code::VersionConflict)?;
    }
    unchanged(&subject, &zone, &before).await
}

async fn separate(subject: Subject) -> Verdict {
    let (one, other) = (new_zone(&subject).await?.id, new_zone(&subject).await?.id);
    begun(&subject, &one, &["storex-a"]).await?;
    let elsewhere = [subject.edge.rules(&other, CUSTOM).await?, subject.edge.rules(&one, RulePhase::Cache).await?];
    ensure(elsewhere == [None, None], || format!("{elsewhere:?}"))
}

async fn too_many(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let most = subject.edge.limits(&zone).await?.rules.get(&CUSTOM).copied().unwrap_or_default();
    let names: Vec<String> = (0..most).map(|number| format!("storex-{number}")).collect();
    let before = begun(&subject, &zone, &names.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let more = RuleChange::Add { list: before.id.clone(), rule: rule("storex-more") };
    refused(subject.edge.change_rules(&cx()?, &zone, CUSTOM, &more).await)?;
    unchanged(&subject, &zone, &before).await
}

async fn reference_twice(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let before = begun(&subject, &zone, &["storex-a", "theirs"]).await?;
    let twice = RuleChange::Add { list: before.id.clone(), rule: rule("storex-a") };
    refused(subject.edge.change_rules(&cx()?, &zone, CUSTOM, &twice).await)?;
    unchanged(&subject, &zone, &before).await
}

async fn at_once(subject: Subject) -> Verdict {
    let (zone, context) = (new_zone(&subject).await?.id, cx()?);
    let begins: Vec<RuleChange> =
        (0..4).map(|number| RuleChange::Begin { rules: vec![rule(&format!("storex-{number}"))] }).collect();
    let made = join_all(begins.iter().map(|begin| subject.edge.change_rules(&context, &zone, CUSTOM, begin))).await;
    let begun: Vec<usize> = made.iter().enumerate().filter(|(_, outcome)| outcome.is_ok()).map(|(number, _)| number).collect();
    let list = listed(&subject, &zone).await?;
    let wanted: Vec<String> = begun.iter().map(|number| format!("storex-{number}")).collect();
    ensure(begun.len() == 1 && references(&list) == wanted, || format!("begun by {begun:?}, found {list:?}"))
}
