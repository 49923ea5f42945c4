//! What reading an answer asks of the allocator: a count that does not grow with the accounts, whatever the machine.

use allocation_counter::measure;
use im_profiles::internals::AccountName;
use im_profiles::internals::ResponseProcessor;
use im_profiles::internals::{Chunk, RequestedAccount as Account};
use jiff::Timestamp;

use crate::support::answer::{Response, columns, first_answer};

/// Allocations of one answer of 100 accounts, from its bytes to rows, once buffers have found their size.
fn allocations_of_an_answer(is_escaped: bool, tags: usize) -> u64 {
    let mut processor = ResponseProcessor::new(&columns(tags), 6, false);
    let mut allocations = 0;
    for _ in 0..3 {
        let Response { accounts, body } = first_answer(is_escaped, tags);
        let account = |(n, name): (usize, &String)| {
            Account::new(AccountName::from(name).unwrap(), n as u64, n as u64 + 2)
        };
        let chunk =
            Chunk { accounts: accounts.iter().enumerate().map(account).collect(), is_first: true };
        let counted = measure(|| {
            let chunk_outcome =
                processor.process(chunk, body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(chunk_outcome.rows.num_rows(), 100);
            assert_eq!(chunk_outcome.rows.num_columns(), tags + 1);
        });
        allocations = counted.count_total;
    }
    allocations
}

/// A few for each column (offsets, bytes, NULLs, the array itself) and for the answer; none for an account or a value, with
/// escapes or without. 55 and 106 were measured.
#[test]
fn allocations_depend_on_columns_not_on_accounts() {
    for is_escaped in [false, true] {
        let five = allocations_of_an_answer(is_escaped, 5);
        let twelve = allocations_of_an_answer(is_escaped, 12);
        assert!(five <= 60, "{five} allocations for 100 accounts x 5 tags");
        assert!(twelve <= 115, "{twelve} allocations for 100 accounts x 12 tags");
        assert!(twelve > five, "the counter does not count: {five}, {twelve}");
    }
}
