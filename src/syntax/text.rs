//! What a token's characters stand for: words, numbers, text in quotes.

use super::lex::{is_newline, is_space};
use super::mistake::Mistake;
use super::tree::Raw;
use std::borrow::Cow;

/// What a bare word is; with a mistake, what it was most likely meant to be.
pub fn bare(word: &str) -> Result<Raw<'_>, (Mistake, Raw<'_>)> {
    let told = |raw| Err((Mistake::Kdl1(word.to_owned()), raw));
    match word.as_bytes() {
        [b'0'..=b'9', ..] | [b'+' | b'-', b'0'..=b'9', ..] => number(word),
        [b'.', b'0'..=b'9', ..] | [b'+' | b'-', b'.', b'0'..=b'9', ..] => Err((Mistake::NoNumber(word.to_owned()), Raw::Wrong)),
        b"true" => told(Raw::Bool(true)),
        b"false" => told(Raw::Bool(false)),
        b"null" => told(Raw::Null),
        b"inf" | b"-inf" | b"nan" => told(Raw::Wrong),
        _ => Ok(Raw::Text(Cow::Borrowed(word))),
    }
}

fn number(word: &str) -> Result<Raw<'_>, (Mistake, Raw<'_>)> {
    let none = || Err((Mistake::NoNumber(word.to_owned()), Raw::Wrong));
    let lossy = || Err((Mistake::LossyNumber(word.to_owned()), Raw::Wrong));
    let digits = word.trim_start_matches(['+', '-']);
    let negative = word.starts_with('-');
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        let Some(rest) = digits.strip_prefix(prefix) else { continue };
        if rest.starts_with('_') || rest.is_empty() || !rest.chars().all(|c| c == '_' || c.is_digit(radix)) {
            return none();
        }
        let sign = if negative { "-" } else { "" };
        let plain = format!("{sign}{}", rest.replace('_', ""));
        return i64::from_str_radix(&plain, radix).map_or_else(|_| lossy(), |number| Ok(Raw::Integer(number)));
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let integer = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit());
    if !integer(whole) || fraction.is_some_and(|text| !integer(text)) || exponent.is_some_and(|text| !integer(text)) {
        return none();
    }
    let plain: Cow<'_, str> = if word.contains('_') { Cow::Owned(word.replace('_', "")) } else { Cow::Borrowed(word) };
    if fraction.is_none() && exponent.is_none() {
        return plain.parse().map_or_else(|_| lossy(), |number| Ok(Raw::Integer(number)));
    }
    match plain.parse::<f64>() {
        Ok(number) if is_kept(number, mantissa) => Ok(Raw::Float(number)),
        _ => lossy(),
    }
}

/// Whether a number arrives with all the digits that it is written with: it is finite, and has as many as 64 bits of floating point keep.
fn is_kept(number: f64, mantissa: &str) -> bool {
    let digits = |text: &str| -> String {
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        digits.trim_matches('0').to_owned()
    };
    let wanted = digits(mantissa);
    // No number of 64 bits has more.
    if wanted.len() > 800 {
        return false;
    }
    number.is_finite() && (wanted.is_empty() == (number == 0.0)) && (wanted.len() <= 15 || digits(&format!("{number:.*e}", wanted.len() - 1)) == wanted)
}

/// What text in quotes says, from its first hash or quote to its last; where it is wrong, the bytes of it that are.
pub fn decode(token: &str) -> Result<Cow<'_, str>, (usize, usize, Mistake)> {
    let hashes = token.bytes().take_while(|&byte| byte == b'#').count();
    let quoted = token.get(hashes..token.len() - hashes).unwrap_or_default();
    let raw = hashes > 0;
    let lines = quoted.len() >= 6 && quoted.starts_with("\"\"\"") && quoted.ends_with("\"\"\"");
    if !lines {
        let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        return Ok(if raw || !inner.contains('\\') { Cow::Borrowed(inner) } else { Cow::Owned(unescaped(&without_escaped_spaces(inner))) });
    }
    let inner = quoted.get(3..quoted.len() - 3).unwrap_or_default();
    // Spaces that are escaped go first: what they join is one line. (KDL, "Interaction with Whitespace Escapes".)
    let joined = if raw || !inner.contains('\\') { Cow::Borrowed(inner) } else { Cow::Owned(without_escaped_spaces(inner)) };
    let text = dedent(&joined).ok_or((0, token.len(), Mistake::LinesIndent))?;
    Ok(Cow::Owned(if raw || !text.contains('\\') { text } else { unescaped(&text) }))
}

/// Cuts a text at KDL's line ends; CR and LF together are one.
pub fn lines(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !is_newline(c) {
            continue;
        }
        found.push(text.get(start..at).unwrap_or_default());
        start = at + c.len_utf8();
        if c == '\r' && chars.peek().is_some_and(|&(_, next)| next == '\n') {
            chars.next();
            start += 1;
        }
    }
    found.push(text.get(start..).unwrap_or_default());
    found
}

/// The lines between the first and the last, without what the last is indented by; nothing when one is indented by something else.
fn dedent(inner: &str) -> Option<String> {
    let lines = lines(inner);
    let (first, rest) = lines.split_first()?;
    let (prefix, rest) = rest.split_last()?;
    if !first.is_empty() || !prefix.chars().all(is_space) {
        return None;
    }
    let mut text = String::with_capacity(inner.len());
    for (index, line) in rest.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        if !line.chars().all(is_space) {
            text.push_str(line.strip_prefix(prefix)?);
        }
    }
    Some(text)
}

/// Without each `\` before spaces or line ends, and without those.
fn without_escaped_spaces(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            kept.push(c);
            continue;
        }
        if chars.peek().is_some_and(|&next| is_space(next) || is_newline(next)) {
            while chars.next_if(|&next| is_space(next) || is_newline(next)).is_some() {}
            continue;
        }
        kept.push(c);
        kept.extend(chars.next());
    }
    kept
}

/// With each escape as what it stands for. The reader of tokens has looked at them.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('b') => plain.push('\u{8}'),
            Some('f') => plain.push('\u{c}'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            Some('s') => plain.push(' '),
            Some('u') => {
                let digits: String = chars.by_ref().skip(1).take_while(|&c| c != '}').collect();
                plain.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}
