//! Any bytes as an answer: no panic, and every account of the chunk goes exactly one way.

#![no_main]

use im_profiles::accounts::AccountName;
use im_profiles::columns::{Column, ColumnType};
use im_profiles::run::chunk::{Account, Chunk};
use im_profiles::run::settle::{NotSettled, Settler};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 3] = ["a", "b", "c"];

fuzz_target!(|body: &[u8]| {
    let columns = [ColumnType::String, ColumnType::Uint32, ColumnType::Bytes, ColumnType::Date]
        .iter()
        .enumerate()
        .map(|(index, column_type)| Column {
            tag: format!("T{index}"),
            name: format!("c{index}"),
            column_type: *column_type,
        })
        .collect::<Vec<_>>();
    let accounts = NAMES
        .iter()
        .zip(0..)
        .map(|(name, ordinal)| {
            let name = AccountName::from(name).expect("short");
            Account::new(name, ordinal, ordinal + 1)
        });
    let chunk = Chunk { accounts: accounts.collect(), is_first: true };
    match Settler::new(&columns).settle(chunk, body, Timestamp::UNIX_EPOCH) {
        Ok(settled) => {
            let mut ordinals = settled.ordinals;
            assert_eq!(settled.rows.num_rows(), ordinals.len());
            ordinals.extend(settled.failed.iter().map(|failed| failed.ordinal));
            ordinals.extend(settled.again.iter().map(|(account, _)| account.ordinal));
            ordinals.extend(settled.bisect.iter().map(|account| account.ordinal));
            ordinals.sort_unstable();
            assert_eq!(ordinals, [0, 1, 2]);
        }
        Err(NotSettled::Failed(call)) => assert_eq!(call.chunk.accounts.len(), NAMES.len()),
        Err(NotSettled::Bug(error)) => panic!("{error}"),
    }
});
