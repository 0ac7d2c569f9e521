//! Laws of records nobody else is concerned with.

use super::{
    DomainProvider, Law, Mark, RecordType, STORE, Subject, Verdict, agrees, alias, apex_and_www, cx, ensure, ids, law, listed,
    new_zone, record,
};

pub(super) fn laws() -> Vec<Law<dyn DomainProvider>> {
    vec![
        law!("DP-11", "records are answered as specified, in the order asked, each with its own id", as_asked),
        law!("DP-12", "records are listed as they were answered", listed_as_answered),
        law!("DP-13", "a record's comment is the mark and parses back to it", marked),
        law!("DP-14", "the same records asked again are the same records", same_again),
        law!("DP-15", "a record of ours is brought to the specification and keeps its id", brought_to_spec),
        law!("DP-16", "a text record of ours is changed, not doubled", text_is_changed),
        law!("DP-17", "a record of ours takes the mark of the effect that ensured it last", newest_mark),
        law!("DP-18", "records that are there and records that are not can be asked for together", mixed),
        law!("DP-19", "asking for no records does nothing", none_asked),
        law!("DP-20", "a record of ours of a type that excludes the new one gives way", gives_way),
        law!("DP-21", "a wildcard is a name like any other", wildcard),
        law!("DP-22", "with a prefix only records whose comment begins so are listed", prefix),
    ]
}

async fn as_asked(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let asked = apex_and_www(&zone)?;
    let made = domains.ensure_records(&cx(STORE)?, &zone.id, &asked).await?;
    let fits = made.len() == asked.len() && asked.iter().zip(&made).all(|(spec, facts)| agrees(spec, facts));
    ensure(fits, || format!("asked {asked:?}, answered {made:?}"))?;
    let mut seen = ids(&made);
    seen.sort();
    seen.dedup();
    ensure(seen.len() == made.len(), || format!("ids {seen:?}"))
}

async fn listed_as_answered(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let mut made = domains.ensure_records(&cx(STORE)?, &zone.id, &apex_and_www(&zone)?).await?;
    made.sort_by(|one, other| one.id.cmp(&other.id));
    let found = listed(&domains, &zone.id).await?;
    ensure(found == made, || format!("answered {made:?}, listed {found:?}"))
}

async fn marked(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let context = cx(STORE)?;
    let made = domains.ensure_records(&context, &zone.id, &apex_and_www(&zone)?).await?;
    let parsed = |comment: &Option<String>| comment.as_deref().and_then(|comment| comment.parse::<Mark>().ok());
    ensure(made.iter().all(|record| parsed(&record.comment).as_ref() == Some(&context.mark)), || format!("{made:?}"))
}

async fn same_again(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let (context, asked) = (cx(STORE)?, apex_and_www(&zone)?);
    let first = domains.ensure_records(&context, &zone.id, &asked).await?;
    let again = domains.ensure_records(&context, &zone.id, &asked).await?;
    ensure(first == again, || format!("first {first:?}, then {again:?}"))?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found.len() == asked.len(), || format!("{} records, not {}", found.len(), asked.len()))
}

async fn brought_to_spec(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let first = domains.ensure_records(&cx(STORE)?, &zone.id, &[alias(&zone, "www", "old.law-target.net")?]).await?;
    let wanted = alias(&zone, "www", "new.law-target.net")?.with_proxy(false)?;
    let then = domains.ensure_records(&cx(STORE)?, &zone.id, std::slice::from_ref(&wanted)).await?;
    ensure(then.iter().all(|facts| agrees(&wanted, facts)) && ids(&then) == ids(&first), || {
        format!("first {first:?}, then {then:?}")
    })?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found == then, || format!("answered {then:?}, listed {found:?}"))
}

async fn text_is_changed(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let text = |content: &str| record(&zone, RecordType::Txt, "", content).map(|text| [text]);
    let first = domains.ensure_records(&cx(STORE)?, &zone.id, &text("one")?).await?;
    let then = domains.ensure_records(&cx(STORE)?, &zone.id, &text("two")?).await?;
    let found = listed(&domains, &zone.id).await?;
    let changed = ids(&found) == ids(&first) && found.iter().all(|record| record.content == "two");
    ensure(changed && then == found, || format!("first {first:?}, then {found:?}"))
}

async fn newest_mark(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let asked = apex_and_www(&zone)?;
    domains.ensure_records(&cx(STORE)?, &zone.id, &asked).await?;
    let newest = cx(STORE)?;
    domains.ensure_records(&newest, &zone.id, &asked).await?;
    let (found, comment) = (listed(&domains, &zone.id).await?, Some(newest.mark.to_string()));
    ensure(found.len() == asked.len() && found.iter().all(|record| record.comment == comment), || {
        format!("wanted {comment:?}, listed {found:?}")
    })
}

async fn mixed(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let (context, asked) = (cx(STORE)?, apex_and_www(&zone)?);
    let there = domains.ensure_records(&context, &zone.id, asked.get(1..).unwrap_or_default()).await?;
    let all = domains.ensure_records(&context, &zone.id, &asked).await?;
    let in_order = all.len() == 2 && asked.iter().zip(&all).all(|(spec, facts)| agrees(spec, facts));
    ensure(in_order && all.get(1..) == Some(there.as_slice()), || format!("there was {there:?}, then {all:?}"))
}

async fn none_asked(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let made = domains.ensure_records(&cx(STORE)?, &zone.id, &[]).await?;
    let found = listed(&domains, &zone.id).await?;
    ensure(made.is_empty() && found.is_empty(), || format!("answered {made:?}, listed {found:?}"))
}

async fn gives_way(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let address = record(&zone, RecordType::A, "www", "198.51.100.7")?;
    domains.ensure_records(&cx(STORE)?, &zone.id, &[address]).await?;
    let wanted = alias(&zone, "www", "new.law-target.net")?;
    domains.ensure_records(&cx(STORE)?, &zone.id, std::slice::from_ref(&wanted)).await?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found.len() == 1 && found.iter().all(|facts| agrees(&wanted, facts)), || format!("{found:?}"))
}

async fn wildcard(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let asked = [alias(&zone, "*", "any.law-target.net")?, alias(&zone, "www", "www.law-target.net")?];
    domains.ensure_records(&cx(STORE)?, &zone.id, &asked).await?;
    let found = listed(&domains, &zone.id).await?;
    ensure(found.len() == 2 && asked.iter().all(|spec| found.iter().any(|facts| agrees(spec, facts))), || format!("{found:?}"))
}

async fn prefix(domains: Subject) -> Verdict {
    let zone = new_zone(&domains).await?;
    let ours = domains.ensure_records(&cx(STORE)?, &zone.id, &[alias(&zone, "a", "a.law-target.net")?]).await?;
    domains.ensure_records(&cx(super::OTHER_STORE)?, &zone.id, &[alias(&zone, "b", "b.law-target.net")?]).await?;
    let found = domains.list_records(&zone.id, Some(&format!("{STORE} "))).await?;
    ensure(found == ours, || format!("ours {ours:?}, listed {found:?}"))?;
    let upper = domains.list_records(&zone.id, Some(&STORE.to_uppercase())).await?;
    ensure(upper.is_empty(), || format!("no comment begins in upper case, listed {upper:?}"))?;
    let all = domains.list_records(&zone.id, None).await?;
    ensure(all.len() == 2, || format!("two records, listed {all:?}"))
}
