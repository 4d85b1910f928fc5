//! Both targets of a cloud take the same values: what the one refuses for its service, the other refuses too.
//!
//! Their facts come from different places; here they are held against each other by what they let a user write, at the bounds of every
//! property. `tests/alike/listed.txt` has where they differ and why. `STACKC_ALIKE=all` tries every value.
#![allow(
    missing_docs,
    dead_code,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop where it is wrong, and it does its own I/O"
)]

#[path = "changes/mod.rs"]
mod changes;
#[path = "acceptance/engines.rs"]
mod engines;
#[path = "mutation/judge.rs"]
mod judge;
#[path = "order/listed.rs"]
mod listed;
#[path = "mutation/places.rs"]
mod places;
#[path = "acceptance/product.rs"]
mod product;
#[path = "mutation/random.rs"]
mod random;
#[path = "mutation/values.rs"]
mod values;

use changes::Change;
use engines::say;
use judge::{Judge, Outcome};
use listed::Listed;
use places::Stack;
use random::{Random, seed};
use std::collections::BTreeMap;

/// Two targets of a cloud each.
const PAIRS: [[&str; 2]; 3] = [["cfn", "tf-aws"], ["arm", "tf-azure"], ["hot", "tf-openstack"]];
/// How many values of a property are tried when nobody asks for more.
const VALUES: usize = 3;

#[test]
fn both_targets_of_a_cloud_take_the_same() {
    let all = std::env::var("STACKC_ALIKE").is_ok_and(|asked| asked == "all");
    let texts = [
        std::fs::read_to_string(product::root().join("examples/everything/stack.kdl")).unwrap(),
        std::fs::read_to_string(product::root().join("tests/effect/pairs.kdl")).unwrap(),
    ];
    let most = if all { usize::MAX } else { VALUES };
    let mut of_path: BTreeMap<String, usize> = BTreeMap::new();
    let mut random = Random::new(seed());
    let made = texts.iter().flat_map(|text| changes::at_bounds(&Stack::new("a stack", text), most, &mut random));
    let mut changes: Vec<Change> = made.collect();
    changes.retain(|change| {
        let count = of_path.entry(change.path.clone()).or_default();
        *count += 1;
        all || *count <= VALUES
    });
    let tried = changes.len();
    let (changes, texts) = (&changes, &texts);
    let found: Vec<BTreeMap<String, (usize, String)>> = std::thread::scope(|scope| {
        let workers: Vec<_> = PAIRS.iter().map(|pair| scope.spawn(move || judged(*pair, changes, &texts[1]))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a pair is judged")).collect()
    });
    let mut listed = Listed::read("tests/alike/listed.txt");
    let mut differences = 0;
    for (key, (count, first)) in found.into_iter().flatten() {
        if !listed.has(&key) {
            differences += 1;
            say(&format!("difference: {key}\n    {count} times, at first: {first}"));
        }
    }
    say(&format!("seed {}; properties: {}, values tried on {} pairs of targets: {tried}; differences: {differences}", seed(), of_path.len(), PAIRS.len()));
    assert_eq!(differences, 0, "each is listed above");
    if all {
        assert_eq!(listed.unused(), Vec::<String>::new(), "these are alike now");
    }
}

/// Where two targets differ: by the one that refuses, and the property.
fn judged(pair: [&str; 2], changes: &[Change], probe: &str) -> BTreeMap<String, (usize, String)> {
    let judge = Judge::new(&pair, probe).compact();
    assert_eq!(judge.targets.len(), 2, "both of {pair:?} build the small stack");
    let mut found = BTreeMap::new();
    for change in changes {
        let outcomes = judge.judge(&change.text, None);
        let refusal = |outcome: &Outcome| match outcome {
            Outcome::Built(_) => None,
            Outcome::Reported(errors) => Some(errors.first().map(|error| error.text.clone()).unwrap_or_default()),
            Outcome::Broken(why) => Some(why.clone()),
        };
        let said: Vec<Option<String>> = outcomes.iter().map(refusal).collect();
        let (refuses, why) = match (&said[0], &said[1]) {
            (Some(why), None) => (0, why),
            (None, Some(why)) => (1, why),
            _ => continue,
        };
        let key = format!("{} alone refuses: {}", judge.targets[refuses].name, change.path);
        found.entry(key).or_insert_with(|| (0, format!("{}: {why}", change.show()))).0 += 1;
    }
    found
}
