//! `[limits]`.

use super::*;

#[test]
fn limits_refused() {
    let line = "max_failed = \"0.5%\"";
    insta::assert_snapshot!(errors_after(&[
        (line, "max_failed = \"some\""),
        (line, "max_failed = -1"),
        (line, "max_failed = 0.5"),
        (line, "max_failed = \"101%\""),
        (line, "max_failed = []"),
        ("max_invalid = 7", "max_invalid = \"most\""),
        ("max_not_found = \"2%\"", "max_not_found = -1"),
        ("max_shrink = \"off\"", "max_shrink = false"),
        ("max_shrink = \"off\"", "max_shrnk = 1"),
        ("allow_empty = true", "allow_empty = \"yes\""),
        ("allow_empty = true", "memory = 128"),
        ("allow_empty = true", "memory = true"),
        ("allow_empty = true", "memory = \"lots\""),
        ("allow_empty = true", "memory = \"31MiB\""),
        ("allow_empty = true", "memory = \"2000GiB\""),
    ]), @r#"
    jobs/n.toml:41: limits.max_failed: is "some", which is neither a number nor a percentage; write a number of accounts such as 100, a percentage from "0%" to "100%" with at most 4 decimal places such as "0.5%", or "off"
    jobs/n.toml:41: limits.max_failed: is -1, which is negative; write a number of accounts such as 100, a percentage from "0%" to "100%" with at most 4 decimal places such as "0.5%", or "off"
    jobs/n.toml:41: limits.max_failed: is 0.5, which could be a number or a percentage; write a number of accounts such as 100, a percentage from "0%" to "100%" with at most 4 decimal places such as "0.5%", or "off"
    jobs/n.toml:41: limits.max_failed: is "101%", which is neither a number nor a percentage; write a number of accounts such as 100, a percentage from "0%" to "100%" with at most 4 decimal places such as "0.5%", or "off"
    jobs/n.toml:41: limits.max_failed: is neither a number nor a percentage; write a number of accounts such as 100, a percentage from "0%" to "100%" with at most 4 decimal places such as "0.5%", or "off"
    jobs/n.toml:42: limits.max_invalid: is "most", which is neither a number nor a percentage; write a number of records such as 100, a percentage from "0%" to "100%" with at most 4 decimal places such as "0.5%", or "off"
    jobs/n.toml:43: limits.max_not_found: is -1, which is negative; write a number of accounts such as 100, a percentage from "0%" to "100%" with at most 4 decimal places such as "0.5%", or "off"
    jobs/n.toml:44: limits.max_shrink: is neither a number nor a percentage; write a number of rows such as 100, a percentage from "0%" to "100%" with at most 4 decimal places such as "0.5%", or "off"
    jobs/n.toml:44: limits.max_shrnk: is not a known key; did you mean max_shrink?
    jobs/n.toml:45: limits.allow_empty: is the text "yes"; write true or false
    jobs/n.toml:45: limits.memory: is 128 without a unit; write a whole number with its unit in quotes, such as "128MiB" or "1GiB"
    jobs/n.toml:45: limits.memory: is not a size; write a whole number with its unit in quotes, such as "128MiB" or "1GiB"
    jobs/n.toml:45: limits.memory: is "lots", which is not a size; write a whole number with its unit in quotes, such as "128MiB" or "1GiB"
    jobs/n.toml:45: limits.memory: is "31MiB", which is out of range; write a size from 32MiB to 1024GiB
    jobs/n.toml:45: limits.memory: is "2000GiB", which is out of range; write a size from 32MiB to 1024GiB
    "#);
}
