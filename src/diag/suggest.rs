//! The one helper behind every "did you mean".

/// The candidate that a mistyped name most likely meant: the same but for case and separators, or within one edit in three characters.
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(wrong);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if fold(candidate) == folded {
            return Some(candidate);
        }
        let limit = (wrong.chars().count().max(candidate.chars().count()) / 3).max(1);
        let distance = edits(wrong, candidate, limit);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Edit distance with swaps of neighbours as one edit; anything above `limit` may come back as `limit + 1`.
fn edits(a: &str, b: &str, limit: usize) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut before = vec![0; b.len() + 1];
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut cost = (at(&previous, j) + usize::from(x != y)).min(at(&previous, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut previous, row);
    }
    previous.last().copied().unwrap_or(limit + 1)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn finds_what_was_meant() {
        let names = ["replicas", "highly-available", "cpu", "image"];
        assert_eq!(did_you_mean("replica", names), Some("replicas"));
        assert_eq!(did_you_mean("highlyAvailable", names), Some("highly-available"));
        assert_eq!(did_you_mean("cup", names), Some("cpu"));
        assert_eq!(did_you_mean("zebra", names), None);
    }
}
