//! Items of private modules for the benches, the fuzz targets and the integration tests of this repository.
//!
//! They are not part of the library's interface and change without notice.

pub use crate::accounts::{
    AccountList, AccountName, DuplicateRemoval, ListFormat, ListPath, ListSource,
    MAX_ACCOUNT_BYTES, RecordFormat, RecordSettings, RecordStream,
};
pub use crate::api::error_codes::{Class, ErrorCodeRule, RULES};
pub use crate::api::reconcile::reconcile;
pub use crate::api::request::{request_body, tag_list};
pub use crate::api::response::{PORTRAIT_GET_PATH, RequestedTags, decode as decode_response};
pub use crate::api::usersig::{SecretKey, UserSig, decode as decode_usersig, sign as sign_usersig};
pub use crate::cli::{Cli, Command};
pub use crate::job::{Compression, Format, IfExists};
pub use crate::pipeline::chunk::{Account as RequestedAccount, Chunk};
pub use crate::pipeline::rate::limiter::RateLimiter;
pub use crate::pipeline::response_processor::{ChunkError, ResponseProcessor};
pub use crate::snapshot::parts::parquet_writer::{
    ParquetPartWriter, properties as parquet_properties,
};
pub use crate::snapshot::sidecars::{Category, FAILED_ACCOUNTS_HEADER, REJECTED_VALUES_HEADER};
pub use crate::table::rows::{ACCOUNT_COLUMN, schema};
pub use crate::table::tags::{standard_tags, supported_types};
pub use crate::table::{Column, ColumnType, RowBuilder};
pub use crate::util::exit_code::ExitCode;
pub use crate::util::failpoint;
pub use crate::util::staged_file::StagedFile;
