//! URLs of avatars: default pictures that many accounts share, and pictures of one account.

use super::super::draw::Draws;
use super::push_decimal;
use super::words::{AWKWARD_IMAGES, IMAGE_DIRECTORIES, IMAGE_ENDINGS, REGIONS};

const HEX: &[u8; 16] = b"0123456789abcdef";
const URL_LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub fn push_image(draws: &mut Draws, text: &mut String) {
    match draws.below(200) {
        0..=31 => {
            text.push_str("https://static.example.com/avatar/default_");
            push_decimal(text, draws.skewed_below(24) as u64);
            text.push_str(".png");
        }
        32..=134 => {
            text.push_str("https://img");
            push_decimal(text, 1 + draws.below(8) as u64);
            text.push_str(draws.pick(&[".cdn.example.com/", ".example.net/", ".example.com/"]));
            text.push_str(draws.pick_skewed(&IMAGE_DIRECTORIES));
            text.push('/');
            push_letters(draws, HEX, 24, text);
            text.push_str(draws.pick_skewed(&IMAGE_ENDINGS));
        }
        135..=174 => {
            text.push_str("https://profile.example.net/mmopen/vi_32/");
            push_letters(draws, URL_LETTERS, 56, text);
            text.push_str("/132");
        }
        175..=196 => push_object(draws, text),
        _ => text.push_str(draws.pick(&AWKWARD_IMAGES)),
    }
}

/// The URL of an object store.
fn push_object(draws: &mut Draws, text: &mut String) {
    text.push_str("https://im-avatars-12500");
    push_decimal(text, 10_000 + draws.below(9) as u64);
    text.push_str(".cos.");
    text.push_str(draws.pick_skewed(&REGIONS));
    text.push_str(".example.com/");
    push_decimal(text, 2_017 + draws.below(10) as u64);
    text.push('/');
    push_letters(draws, HEX, 32, text);
    text.push_str(".jpg?imageMogr2/thumbnail/200x200");
}

/// As many letters of an alphabet whose size is a power of two, at most 64.
fn push_letters(draws: &mut Draws, alphabet: &[u8], count: usize, text: &mut String) {
    let bits = alphabet.len().trailing_zeros();
    let mut random = 0;
    for index in 0..count as u32 {
        let shift = index % (u64::BITS / bits);
        if shift == 0 {
            random = draws.draw();
        }
        let letter = (random >> (shift * bits)) as usize % alphabet.len();
        text.push(char::from(alphabet[letter]));
    }
}
