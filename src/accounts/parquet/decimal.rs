//! Decimals without digits after the point, as integers.

use std::io::{self, Write};

/// Longest decimal that is written in digits, in bytes: up to 39 digits, more than an account may have.
const MAX_BYTES: usize = size_of::<i128>();

/// Appends the big-endian two's complement integer in digits. One that is too long for an account is written in
/// hexadecimal, which is too long as well.
pub fn write_decimal(bytes: &[u8], account: &mut Vec<u8>) -> io::Result<()> {
    let is_negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let sign = if is_negative { 0xff } else { 0 };
    let significant = bytes.iter().position(|byte| *byte != sign).unwrap_or(bytes.len());
    let digits = &bytes[significant..];
    if bytes.is_empty() {
        return Ok(());
    }
    // The first significant byte may need its sign.
    if digits.len() > MAX_BYTES || digits.len() == MAX_BYTES && digits[0] & 0x80 != sign & 0x80 {
        account.extend_from_slice(b"0x");
        return digits.iter().try_for_each(|byte| write!(account, "{byte:02x}"));
    }
    let mut number = [sign; MAX_BYTES];
    number[MAX_BYTES - digits.len()..].copy_from_slice(digits);
    write!(account, "{}", i128::from_be_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::MAX_ACCOUNT_BYTES;

    fn text(bytes: &[u8]) -> String {
        let mut account = Vec::new();
        write_decimal(bytes, &mut account).unwrap();
        String::from_utf8(account).unwrap()
    }

    #[test]
    fn integers_of_any_width_are_written_in_digits() {
        for (number, width) in [(0, 1), (7, 1), (-1, 1), (128, 2), (-129, 2), (i64::MAX.into(), 9)]
        {
            let number: i128 = number;
            assert_eq!(text(&number.to_be_bytes()[16 - width..]), number.to_string());
        }
        for number in [i128::MAX, i128::MIN, 1 << 63, u64::MAX.into()] {
            assert_eq!(text(&number.to_be_bytes()), number.to_string());
            let wide = [vec![if number < 0 { 0xff } else { 0 }; 40], number.to_be_bytes().to_vec()];
            assert_eq!(text(&wide.concat()), number.to_string());
        }
        assert_eq!(text(b""), "");
        assert_eq!(text(&[0; 40]), "0");
        assert_eq!(text(&[0xff; 40]), "-1");
    }

    #[test]
    fn longer_integers_are_too_long_for_an_account() {
        let wide = [[0x80].as_slice(), &[0; 15]].concat();
        for bytes in
            [[vec![0], wide.clone()].concat(), [vec![0xff, 0x7f], wide].concat(), vec![1; 17]]
        {
            assert!(text(&bytes).len() > MAX_ACCOUNT_BYTES, "{}", text(&bytes));
        }
    }
}
