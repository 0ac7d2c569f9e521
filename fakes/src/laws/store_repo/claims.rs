//! Laws of claims: exclusive, idempotent for their owner, given up by their owner only.

use super::{Subject, at_once, fresh, law, same};
use crate::laws::{Broken, Law, Verdict, ensure};
use std::collections::BTreeSet;
use std::sync::Arc;
use storex_core::{Claim, ClaimOutcome, Fence, StoreRepo};

pub(super) fn laws() -> Vec<Law<dyn StoreRepo>> {
    vec![
        law!("SR-50", "a free name is held by who claims it", free),
        law!("SR-51", "an owner may claim its name again", again),
        law!("SR-52", "a name that is held is answered with its claim", taken),
        law!("SR-53", "a claim that came too late takes nothing and changes nothing", too_late),
        law!("SR-54", "a name in one namespace leaves it free in others, wherever their texts are cut", namespaces),
        law!("SR-55", "owners and names are compared exactly", exact),
        law!("SR-56", "a released name is free for others", released),
        law!("SR-57", "a release by anyone but the owner changes nothing", foreign_release),
        law!("SR-58", "a release of a free name is success, and one name is released at a time", free_release),
        law!("SR-59", "of 50 owners that claim one name at once exactly one holds it, and the others are told who", race),
        law!("SR-60", "the first free candidate is taken, in the order of the candidates", first_free),
        law!("SR-61", "an owner that holds a candidate gets that one again, wherever it stands", own_candidate),
        law!("SR-62", "when others hold all candidates, or there are none, none is taken", exhausted),
        law!("SR-63", "a candidate taken is a claim like any other", real_claim),
        law!("SR-64", "20 owners at once share 12 candidates without a name given twice", candidate_race),
        law!("SR-65", "names, owners and labels of any symbols are held, told and given up", any_symbols),
        law!("SR-66", "10 calls of one owner at once get the same candidate", own_race),
        law!("SR-67", "of very many candidates the own one is given again, and else the first free one", many_candidates),
    ]
}

fn claim(namespace: &str, name: &str, owner: &str) -> Claim {
    Claim { namespace: namespace.to_owned(), name: name.to_owned(), owner: owner.to_owned(), label: format!("shop of {owner}") }
}

async fn held(repo: &Subject, claim: &Claim) -> Verdict {
    same(&format!("{claim:?}"), &repo.claim(claim, Fence::NONE).await?, &ClaimOutcome::Held)
}

async fn taken_by(repo: &Subject, claim: &Claim, holder: &Claim) -> Verdict {
    same(&format!("{claim:?}"), &repo.claim(claim, Fence::NONE).await?, &ClaimOutcome::Taken(holder.clone()))
}

async fn free(repo: Subject) -> Verdict {
    held(&repo, &claim("domain", &fresh("free-"), "a")).await
}

async fn again(repo: Subject) -> Verdict {
    let mine = claim("domain", &fresh("again-"), "a");
    for _ in 0..3 {
        held(&repo, &mine).await?;
    }
    Ok(())
}

async fn taken(repo: Subject) -> Verdict {
    let mine = claim("domain", &fresh("taken-"), "a");
    held(&repo, &mine).await?;
    taken_by(&repo, &Claim { owner: "b".to_owned(), label: "another".to_owned(), ..mine.clone() }, &mine).await
}

async fn too_late(repo: Subject) -> Verdict {
    let mine = claim("domain", &fresh("late-"), "a");
    let theirs = Claim { owner: "b".to_owned(), label: "another".to_owned(), ..mine.clone() };
    held(&repo, &mine).await?;
    for _ in 0..2 {
        taken_by(&repo, &theirs, &mine).await?;
    }
    held(&repo, &mine).await?;
    repo.release("domain", &mine.name, "a", Fence::NONE).await?;
    held(&repo, &theirs).await
}

async fn namespaces(repo: Subject) -> Verdict {
    let name = fresh("name-");
    for (number, (namespace, name)) in [
        ("domain", name.clone()),
        ("username", name.clone()),
        ("port", format!("local:{name}")),
        ("port:local", name.clone()),
        ("port:", format!("local{name}")),
    ]
    .iter()
    .enumerate()
    {
        held(&repo, &claim(namespace, name, &format!("owner-{number}"))).await?;
    }
    Ok(())
}

async fn exact(repo: Subject) -> Verdict {
    let mine = claim("domain", &fresh("exact-"), "op_1a");
    held(&repo, &mine).await?;
    for owner in ["op_1", "op_1A", "op_1a ", "op_1aa", ""] {
        taken_by(&repo, &Claim { owner: owner.to_owned(), ..mine.clone() }, &mine).await?;
    }
    for name in [format!("{}x", mine.name), mine.name.to_uppercase(), format!(" {}", mine.name)] {
        held(&repo, &Claim { name, owner: "b".to_owned(), ..mine.clone() }).await?;
    }
    Ok(())
}

async fn released(repo: Subject) -> Verdict {
    let mine = claim("domain", &fresh("released-"), "a");
    let theirs = Claim { owner: "b".to_owned(), ..mine.clone() };
    held(&repo, &mine).await?;
    repo.release("domain", &mine.name, "a", Fence::NONE).await?;
    held(&repo, &theirs).await?;
    taken_by(&repo, &mine, &theirs).await
}

async fn foreign_release(repo: Subject) -> Verdict {
    let mine = claim("domain", &fresh("released-"), "op_1");
    held(&repo, &mine).await?;
    for owner in ["b", "op_", "OP_1", ""] {
        repo.release("domain", &mine.name, owner, Fence::NONE).await?;
    }
    repo.release("username", &mine.name, "op_1", Fence::NONE).await?;
    taken_by(&repo, &Claim { owner: "b".to_owned(), ..mine.clone() }, &mine).await
}

async fn free_release(repo: Subject) -> Verdict {
    let (one, other) = (claim("domain", &fresh("one-"), "a"), claim("domain", &fresh("other-"), "a"));
    repo.release("domain", &one.name, "a", Fence::NONE).await?;
    held(&repo, &one).await?;
    held(&repo, &other).await?;
    repo.release("domain", &one.name, "a", Fence::NONE).await?;
    repo.release("domain", &one.name, "a", Fence::NONE).await?;
    taken_by(&repo, &Claim { owner: "b".to_owned(), ..other.clone() }, &other).await
}

async fn race(repo: Subject) -> Verdict {
    let name = fresh("race-");
    let calls = (0..50).map(|number| {
        let (repo, mine) = (Arc::clone(&repo), claim("domain", &name, &format!("owner-{number}")));
        async move { (mine.clone(), repo.claim(&mine, Fence::NONE).await) }
    });
    let (mut holders, mut told) = (Vec::new(), Vec::new());
    for (mine, answer) in at_once(calls).await? {
        match answer? {
            ClaimOutcome::Held => holders.push(mine),
            ClaimOutcome::Taken(by) => told.push(by),
        }
    }
    same("how many hold the name", &holders.len(), &1)?;
    ensure(told.iter().all(|by| holders.contains(by)), || format!("{holders:?} holds the name, others were told {told:?}"))
}

fn candidates(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{}", 9 + number)).collect()
}

async fn first_free(repo: Subject) -> Verdict {
    let names = candidates(&fresh("port-"), 4);
    held(&repo, &claim("port:local", &names[0], "a")).await?;
    held(&repo, &claim("port:local", &names[2], "a")).await?;
    held(&repo, &claim("port:other", &names[1], "a")).await?;
    for (owner, wanted) in [("b", 1), ("c", 3)] {
        let seen = repo.claim_first(&claim("port:local", "ignored", owner), &names, Fence::NONE).await?;
        same(&format!("the candidate for {owner}"), &seen.as_ref(), &names.get(wanted))?;
    }
    let reversed: Vec<String> = candidates(&fresh("port-"), 3).into_iter().rev().collect();
    let seen = repo.claim_first(&claim("port:local", "ignored", "b"), &reversed, Fence::NONE).await?;
    same("the candidate of descending ones", &seen.as_ref(), &reversed.first())
}

async fn own_candidate(repo: Subject) -> Verdict {
    let names = candidates(&fresh("port-"), 4);
    held(&repo, &claim("port:local", &names[2], "b")).await?;
    for _ in 0..2 {
        let seen = repo.claim_first(&claim("port:local", "ignored", "b"), &names, Fence::NONE).await?;
        same("the candidate", &seen.as_ref(), &names.get(2))?;
    }
    held(&repo, &claim("port:local", &names[0], "a")).await
}

async fn exhausted(repo: Subject) -> Verdict {
    let names = candidates(&fresh("port-"), 3);
    for name in &names {
        held(&repo, &claim("port:local", name, "a")).await?;
    }
    same("the candidate", &repo.claim_first(&claim("port:local", "ignored", "b"), &names, Fence::NONE).await?, &None)?;
    same("the candidate of none", &repo.claim_first(&claim("port:local", "ignored", "b"), &[], Fence::NONE).await?, &None)
}

async fn real_claim(repo: Subject) -> Verdict {
    let names = candidates(&fresh("port-"), 2);
    let ignored = fresh("ignored-");
    same(
        "the candidate",
        &repo.claim_first(&claim("port:local", &ignored, "a"), &names, Fence::NONE).await?.as_ref(),
        &names.first(),
    )?;
    let mine = claim("port:local", &names[0], "a");
    taken_by(&repo, &claim("port:local", &names[0], "b"), &mine).await?;
    held(&repo, &mine).await?;
    held(&repo, &claim("port:local", &ignored, "b")).await?;
    repo.release("port:local", &names[0], "a", Fence::NONE).await?;
    held(&repo, &claim("port:local", &names[0], "b")).await
}

async fn any_symbols(repo: Subject) -> Verdict {
    let prefix = fresh("symbols-");
    for text in ["$", "$a.b", "%2E", "\\", "é\u{0}", "{}", " "] {
        let mine = Claim {
            namespace: format!("{text}{prefix}"),
            name: text.to_owned(),
            owner: format!("$owner{text}"),
            label: format!("$label{text}"),
        };
        held(&repo, &mine).await?;
        let theirs = Claim { owner: "b".to_owned(), ..mine.clone() };
        taken_by(&repo, &theirs, &mine).await?;
        repo.release(&mine.namespace, &mine.name, &mine.owner, Fence::NONE).await?;
        held(&repo, &theirs).await?;
    }
    Ok(())
}

async fn own_race(repo: Subject) -> Verdict {
    let names = candidates(&fresh("port-"), 20);
    let calls = (0..10).map(|_| {
        let (repo, names, mine) = (Arc::clone(&repo), names.clone(), claim("port:local", "ignored", "a"));
        async move { repo.claim_first(&mine, &names, Fence::NONE).await }
    });
    let answers = at_once(calls).await?.into_iter().collect::<storex_core::Result<Vec<_>>>()?;
    same("the candidates given", &answers, &vec![names.first().cloned(); 10])?;
    same(
        "the next one for another",
        &repo.claim_first(&claim("port:local", "", "b"), &names, Fence::NONE).await?.as_ref(),
        &names.get(1),
    )
}

async fn many_candidates(repo: Subject) -> Verdict {
    let names = candidates(&fresh("port-"), 1200);
    for held_by_another in [0, 1, 700] {
        held(&repo, &claim("port:local", &names[held_by_another], "b")).await?;
    }
    let mine = claim("port:local", "ignored", "a");
    let ask = || repo.claim_first(&mine, &names, Fence::NONE);
    same("the first free one", &ask().await?.as_ref(), &names.get(2))?;
    repo.release("port:local", &names[2], "a", Fence::NONE).await?;
    held(&repo, &claim("port:local", &names[1100], "a")).await?;
    same("the own one", &ask().await?.as_ref(), &names.get(1100))
}

async fn candidate_race(repo: Subject) -> Verdict {
    let names = candidates(&fresh("port-"), 12);
    let calls = (0..20).map(|number| {
        let (repo, names, mine) = (Arc::clone(&repo), names.clone(), claim("port:local", "ignored", &format!("owner-{number}")));
        async move { repo.claim_first(&mine, &names, Fence::NONE).await }
    });
    let answers = at_once(calls).await?.into_iter().collect::<storex_core::Result<Vec<_>>>()?;
    let given: Vec<String> = answers.into_iter().flatten().collect();
    same("how many got a candidate", &given.len(), &12)?;
    let distinct: BTreeSet<&String> = given.iter().collect();
    if distinct.len() == 12 && names.iter().all(|name| distinct.contains(name)) {
        return Ok(());
    }
    Err(Broken(format!("the candidates given were {given:?}")))
}
