//! Laws of settings, of plans, and of zones that are gone.

use super::{
    Code, EdgeSetting, EdgeSubject, Law, RulePhase, SettingFacts, Subject, Verdict, cx, ensure, gone_zone, law, new_zone,
    refused, refused_with,
};
use storex_core::{EdgePlan, Result, ZoneId};

pub(super) fn laws() -> Vec<Law<EdgeSubject>> {
    vec![
        law!("EP-01", "every setting of a new zone has a value it takes and can be changed", usual_values),
        law!("EP-02", "a value that was set is read, whichever of its values it is", read_as_set),
        law!("EP-03", "setting one leaves the others as they are", others_stay),
        law!("EP-04", "the settings of two zones are two", zones_differ),
        law!("EP-05", "a value a setting does not take is refused and changes nothing", impossible_value),
        law!("EP-06", "setting what is set already succeeds", set_twice),
        law!("EP-07", "Bot Fight Mode is switched and read like any setting", bots),
        law!(
            "EP-08",
            "a new zone has the smallest plan, with a number of rules for every phase and no more than it takes",
            limits
        ),
        law!("EP-09", "a zone that is gone is not found by any read", gone_for_reads),
        law!("EP-10", "a zone that is gone is not found by any change", gone_for_changes),
    ]
}

async fn usual_values(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?;
    for setting in EdgeSetting::ALL {
        let facts = subject.edge.setting(&zone.id, setting).await?;
        let usual = facts.editable && setting.values().contains(&facts.value.as_str());
        ensure(usual, || format!("{setting} is {facts:?}"))?;
    }
    Ok(())
}

async fn read_as_set(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    for setting in EdgeSetting::ALL {
        for value in setting.values() {
            subject.edge.set(&cx()?, &zone, setting, value).await?;
            let facts = subject.edge.setting(&zone, setting).await?;
            ensure(facts == SettingFacts { value: (*value).to_owned(), editable: true }, || {
                format!("{setting} was set to {value}, and is {facts:?}")
            })?;
        }
    }
    Ok(())
}

async fn all(subject: &EdgeSubject, zone: &ZoneId) -> Result<Vec<SettingFacts>> {
    let mut facts = Vec::new();
    for setting in EdgeSetting::ALL {
        facts.push(subject.edge.setting(zone, setting).await?);
    }
    Ok(facts)
}

async fn others_stay(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let before = all(&subject, &zone).await?;
    subject.edge.set(&cx()?, &zone, EdgeSetting::Ssl, "strict").await?;
    let after = all(&subject, &zone).await?;
    ensure(before.get(1..) == after.get(1..), || format!("before {before:?}, after {after:?}"))
}

async fn zones_differ(subject: Subject) -> Verdict {
    let (one, other) = (new_zone(&subject).await?.id, new_zone(&subject).await?.id);
    let before = all(&subject, &other).await?;
    for (setting, facts) in EdgeSetting::ALL.iter().zip(&before) {
        let another = setting.values().iter().find(|value| **value != facts.value).copied().unwrap_or_default();
        subject.edge.set(&cx()?, &one, *setting, another).await?;
    }
    let after = all(&subject, &other).await?;
    ensure(before == after, || format!("before {before:?}, after {after:?}"))
}

async fn impossible_value(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let before = all(&subject, &zone).await?;
    for (setting, value) in [(EdgeSetting::Ssl, "fully"), (EdgeSetting::MinTlsVersion, "1.4"), (EdgeSetting::AlwaysUseHttps, "")]
    {
        refused(subject.edge.set(&cx()?, &zone, setting, value).await)?;
    }
    let after = all(&subject, &zone).await?;
    ensure(before == after, || format!("before {before:?}, after {after:?}"))
}

async fn set_twice(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    for _ in 0..2 {
        subject.edge.set(&cx()?, &zone, EdgeSetting::MinTlsVersion, "1.2").await?;
    }
    let facts = subject.edge.setting(&zone, EdgeSetting::MinTlsVersion).await?;
    ensure(facts.value == "1.2", || format!("{facts:?}"))
}

async fn bots(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let usual = subject.edge.setting(&zone, EdgeSetting::BotFightMode).await?;
    subject.edge.set(&cx()?, &zone, EdgeSetting::BotFightMode, "on").await?;
    let on = subject.edge.setting(&zone, EdgeSetting::BotFightMode).await?;
    ensure(usual.value == "off" && on.value == "on", || format!("at first {usual:?}, then {on:?}"))
}

async fn limits(subject: Subject) -> Verdict {
    let zone = new_zone(&subject).await?.id;
    let limits = subject.edge.limits(&zone).await?;
    let named = RulePhase::ALL.iter().all(|phase| limits.rules.contains_key(phase));
    let whole = limits.plan == EdgePlan::Free && limits.locked.is_empty() && named;
    ensure(whole && limits.rules.get(&RulePhase::CustomFirewall) == Some(&5), || format!("{limits:?}"))
}

async fn gone_for_reads(subject: Subject) -> Verdict {
    let zone = gone_zone(&subject).await?;
    refused_with(subject.edge.limits(&zone).await, Code::NotFound)?;
    refused_with(subject.edge.setting(&zone, EdgeSetting::Ssl).await, Code::NotFound)?;
    refused_with(subject.edge.setting(&zone, EdgeSetting::BotFightMode).await, Code::NotFound)?;
    refused_with(subject.edge.rules(&zone, RulePhase::Cache).await, Code::NotFound)?;
    refused_with(subject.edge.certificates(&zone).await, Code::NotFound)
}

async fn gone_for_changes(subject: Subject) -> Verdict {
    let zone = gone_zone(&subject).await?;
    let begin = storex_core::RuleChange::Begin { rules: vec![super::rule("storex-a")] };
    let off = super::CertificateChange::Universal { enabled: false };
    refused_with(subject.edge.set(&cx()?, &zone, EdgeSetting::Ssl, "full").await, Code::NotFound)?;
    refused_with(subject.edge.change_rules(&cx()?, &zone, super::CUSTOM, &begin).await, Code::NotFound)?;
    refused_with(subject.edge.change_certificate(&cx()?, &zone, &off).await, Code::NotFound)?;
    refused_with(subject.edge.purge(&cx()?, &zone, &["a-shop.com".parse()?]).await, Code::NotFound)
}
