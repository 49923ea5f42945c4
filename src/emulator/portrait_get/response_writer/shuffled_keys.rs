//! Puts the keys of every object of a JSON text in another order, as an encoder that does not keep it.

use super::super::super::draw::Draws;

/// A copy with shuffled keys. Everything between two objects, such as a byte order mark, is kept.
pub fn shuffle(json: &[u8], seed: u64) -> Vec<u8> {
    let mut shuffler =
        Shuffler { json, draws: Draws::new(seed), out: Vec::with_capacity(json.len()) };
    let mut at = 0;
    while at < json.len() {
        at = shuffler.copy_token(at);
    }
    shuffler.out
}

struct Shuffler<'j> {
    json: &'j [u8],
    draws: Draws,
    out: Vec<u8>,
}

impl Shuffler<'_> {
    /// Copies an object with its content, a string or a single byte from an offset; returns the offset after it.
    fn copy_token(&mut self, at: usize) -> usize {
        if self.json[at] == b'{' {
            return self.copy_object(at);
        }
        let end = if self.json[at] == b'"' { end_of_string(self.json, at) } else { at + 1 };
        self.out.extend_from_slice(&self.json[at..end]);
        end
    }

    fn copy_object(&mut self, start: usize) -> usize {
        let (mut members, end) = members(self.json, start + 1);
        for last in (1..members.len()).rev() {
            members.swap(last, self.draws.below(last + 1));
        }
        self.out.push(b'{');
        for (index, &(from, to)) in members.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            let mut at = from;
            while at < to {
                at = self.copy_token(at);
            }
        }
        self.out.push(b'}');
        end
    }
}

/// The ranges of an object's members, and the offset after the object.
fn members(json: &[u8], start: usize) -> (Vec<(usize, usize)>, usize) {
    let (mut members, mut from, mut at, mut depth) = (Vec::with_capacity(8), start, start, 0);
    loop {
        match json[at] {
            b'"' => {
                at = end_of_string(json, at);
                continue;
            }
            b'}' | b',' if depth == 0 => {
                members.extend((at > from).then_some((from, at)));
                from = at + 1;
                if json[at] == b'}' {
                    return (members, from);
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

/// The offset after the closing quote.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn objects_keep_their_content_in_any_order() {
        let json = r#"{"a":[{"x":"}\",{","y":null},{}],"b":{"c":1,"d":[]},"e":"\\"}"#;
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        let mut orders = HashSet::new();
        for seed in 0..500 {
            let shuffled = String::from_utf8(shuffle(json.as_bytes(), seed)).unwrap();
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shuffled).unwrap(), value);
            assert_eq!(shuffled.len(), json.len());
            orders.insert(shuffled);
        }
        assert_eq!(orders.len(), 6 * 2 * 2);
        assert_eq!(shuffle(b"\xef\xbb\xbf{}", 0), b"\xef\xbb\xbf{}");
    }
}
