//! Codes computed by a token equal those computed from the seed, one by one and all together.

use std::{collections::BTreeMap, sync::Arc};

use oathd_oath::{Algorithm, Digits, Kind, NewCredential, Period, Secret};
use proptest::{prelude::*, test_runner::TestRunner};

use super::bench::*;
use crate::{CodeOutcome, Touch};

fn credentials() -> impl Strategy<Value = NewCredential> {
    let kind = prop_oneof![
        Just(Kind::TOTP),
        Just(Kind::Hotp),
        (1u32..200).prop_map(|seconds| Kind::Totp {
            period: Period::from_seconds(seconds).unwrap()
        }),
    ];
    let algorithm =
        prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]);
    let digits = prop::sample::select(vec![Digits::Six, Digits::Seven, Digits::Eight]);
    let issuer = prop::option::of(prop_oneof![Just("Steam".to_owned()), "[A-Zä]{1,6}"]);
    let secret = prop::collection::vec(any::<u8>(), 2..150);
    (
        issuer,
        "[a-zé]{1,10}",
        kind,
        algorithm,
        digits,
        0u32..99,
        secret,
    )
        .prop_map(
            |(issuer, name, kind, algorithm, digits, counter, secret)| NewCredential {
                issuer,
                name,
                kind,
                algorithm,
                digits,
                counter: if kind == Kind::Hotp { counter } else { 0 },
                secret: Secret::new(secret).unwrap(),
            },
        )
}

#[test]
fn every_kind_agrees() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(24));
    let lists = prop::collection::vec(credentials(), 1..12);
    for computes_all in [true, false] {
        runner
            .run(&lists, |list| {
                runtime.block_on(agree(list, computes_all));
                Ok(())
            })
            .unwrap();
    }
}

const CALCULATE_ALL: u8 = 0xa4;

/// `computes_all`: the token knows CALCULATE ALL.
async fn agree(list: Vec<NewCredential>, computes_all: bool) {
    let bench = Bench::new().await;
    if !computes_all {
        bench.world.unlearn(READER, CALCULATE_ALL);
    }
    let mut stored = BTreeMap::new();
    for new in list {
        let (id, new) = (new.id().unwrap(), Arc::new(new));
        let options = crate::AddOptions {
            overwrite: true,
            touch: false,
        };
        let added = bench.token.add(None, Arc::clone(&new), options).await;
        assert_eq!(added.unwrap(), id);
        stored.insert(id, new);
    }
    let listed = bench.token.list(None).await.unwrap();
    assert_eq!(listed.len(), stored.len());
    for one in &listed {
        let new = &stored[&one.id];
        assert_eq!(one.kind, new.kind);
        assert_eq!(one.algorithm, new.algorithm);
        assert_eq!(one.digits, computes_all.then_some(new.digits));
        assert_eq!(one.touch, Touch::Known(false));
    }
    let entries = bench.token.codes(None, AT).await.unwrap();
    assert_eq!(entries.len(), stored.len());
    for entry in &entries {
        let new = &stored[&entry.id];
        match &entry.outcome {
            CodeOutcome::Code(code) => {
                assert_eq!(*code.text, expected(new));
                assert!(code.from <= AT && code.until.is_some_and(|until| AT < until));
            }
            CodeOutcome::Counter => assert_eq!(new.kind, Kind::Hotp),
            other => panic!("{other:?}"),
        }
    }
    for cold in [false, true] {
        for (id, new) in stored
            .iter()
            .filter(|(_, new)| !cold || new.kind != Kind::Hotp)
        {
            if cold {
                bench.chill();
            }
            let code = bench.token.code(None, refusing(id)).await.unwrap();
            assert_eq!(*code.text, expected(new), "{id}");
        }
    }
    let offered = bench.token.info().capabilities.calculate_all;
    assert_eq!(offered, computes_all);
}
