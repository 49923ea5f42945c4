//! `[[columns]]`.

use super::*;

#[test]
fn columns_refused() {
    let first = "[[columns]]\ntag = \"Tag_Profile_IM_Nick\"\nname = \"nick\"\ntype = \"string\"\n";
    let second =
        "[[columns]]\ntag = \"Tag_Profile_Custom_Points\"\nname = \"points\"\ntype = \"uint64\"\n";
    let both = format!("{first}\n{second}");
    let nick = "\"Tag_Profile_IM_Nick\"";
    let many: String =
        (0..33).map(|n| format!("[[columns]]\ntag = \"Tag_Profile_Custom_{n}\"\n")).collect();
    let long_name = format!("\"{}\"", "n".repeat(129));
    insta::assert_snapshot!(errors_after(&[
        (&both, ""),
        (&both, "[columns]\ntag = \"Tag_Profile_IM_Nick\"\n"),
        (&both, &many),
        ("tag = \"Tag_Profile_IM_Nick\"\n", ""),
        (nick, "\"Tag_Profile_IM_nick\""),
        (nick, "\"Tag_Profile_IM_Birthday\""),
        (nick, "\"nick\""),
        (nick, "\"Tag_Profile_IM_Phone\""),
        (nick, "\"Tag_Profile_Custom_\""),
        (nick, "\"tag_profile_custom_Points\""),
        (nick, "\"\""),
        (nick, "\"Tag_Profile_Custom_Points\""),
        ("\"points\"", "\"Nick\""),
        ("\"points\"", "\"Account\""),
        ("\"points\"", "\"\""),
        ("\"points\"", "\" points\""),
        ("\"points\"", &long_name),
        ("\"string\"", "\"uint32\""),
        ("\"uint64\"", "\"int\""),
        ("\"uint64\"", "\"INT64\""),
        ("\"uint64\"", "64"),
        ("name = \"points\"", "title = \"points\""),
    ]), @r#"
    jobs/n.toml: columns: is missing; write at least one [[columns]] with a tag, such as tag = "Tag_Profile_IM_Nick"
    jobs/n.toml:17: columns: is a single table; write each item as [[columns]] in double brackets
    jobs/n.toml:17: columns: has 33 items, but an app has at most 32 tags; remove some
    jobs/n.toml:17: columns.0.tag: is missing; write a profile tag, such as "Tag_Profile_IM_Nick"
    jobs/n.toml:18: columns.0.tag: is "Tag_Profile_IM_nick", which is not a tag; did you mean Tag_Profile_IM_Nick?
    jobs/n.toml:18: columns.0.tag: is "Tag_Profile_IM_Birthday", which is not a tag; did you mean Tag_Profile_IM_BirthDay?
    jobs/n.toml:18: columns.0.tag: is "nick", which is not a tag; did you mean Tag_Profile_IM_Nick?
    jobs/n.toml:18: columns.0.tag: is "Tag_Profile_IM_Phone", which is not a tag; write Tag_Profile_Custom_ and a custom field's name, or one of: Tag_Profile_IM_Nick, Tag_Profile_IM_Gender, Tag_Profile_IM_BirthDay, Tag_Profile_IM_Location, Tag_Profile_IM_SelfSignature, Tag_Profile_IM_AllowType, Tag_Profile_IM_Language, Tag_Profile_IM_Image, Tag_Profile_IM_MsgSettings, Tag_Profile_IM_AdminForbidType, Tag_Profile_IM_Level, Tag_Profile_IM_Role
    jobs/n.toml:18: columns.0.tag: is "Tag_Profile_Custom_", which is not a tag; write Tag_Profile_Custom_ and the field's name, in the same case as in the console
    jobs/n.toml:18: columns.0.tag: is "tag_profile_custom_Points", which is not a tag; write Tag_Profile_Custom_ and the field's name, in the same case as in the console
    jobs/n.toml:18: columns.0.tag: is empty; write a profile tag, such as "Tag_Profile_IM_Nick"
    jobs/n.toml:23: columns.1.tag: is Tag_Profile_Custom_Points, which columns.0 already uses; remove one of them
    jobs/n.toml:24: columns.1.name: is "Nick", which columns.0 already uses (case is ignored); write another name
    jobs/n.toml:24: columns.1.name: is "Account", which is the name of the first column of every table; write another name
    jobs/n.toml:24: columns.1.name: is empty; write the column's name, or remove the key to use the tag
    jobs/n.toml:24: columns.1.name: is " points", which starts or ends with a space; write another name
    jobs/n.toml:24: columns.1.name: is longer than 128 characters; write another name
    jobs/n.toml:20: columns.0.type: is "uint32", which Tag_Profile_IM_Nick does not support; write one of: string, bytes
    jobs/n.toml:25: columns.1.type: is "int", which Tag_Profile_Custom_Points does not support; write one of: string, int64, uint64, bytes, uint32, date
    jobs/n.toml:25: columns.1.type: is "INT64", which Tag_Profile_Custom_Points does not support; did you mean int64?
    jobs/n.toml:25: columns.1.type: is the number 64; write text in quotes
    jobs/n.toml:24: columns.1.title: is not a known key; write one of: tag, name, type
    "#);
}

#[test]
fn columns_in_one_line_refused() {
    let refused = |columns: &str| {
        let table = "[{ tag = \"Tag_Profile_IM_BirthDay\" }]";
        load(&SHORT.replace(table, columns), &[]).unwrap_err()
    };
    insta::assert_snapshot!(refused("[]"), @r#"jobs/n.toml:4: columns: is missing; write at least one [[columns]] with a tag, such as tag = "Tag_Profile_IM_Nick""#);
    insta::assert_snapshot!(refused("[[\"Tag_Profile_IM_Nick\"]]"), @"jobs/n.toml:4: columns.0: is a list; write a table with tag, name and type");
    insta::assert_snapshot!(refused("[\"Tag_Profile_IM_Nick\"]"), @r#"jobs/n.toml:4: columns.0: is the text "Tag_Profile_IM_Nick"; write a table"#);
    insta::assert_snapshot!(refused("\"Tag_Profile_IM_Nick\""), @r#"jobs/n.toml:4: columns: is the text "Tag_Profile_IM_Nick"; write a list"#);
}
