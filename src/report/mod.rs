//! Reports for people and scripts: summary, plan, check, preview table, HTML report.

pub mod accepted_rate;
pub mod check;
pub mod column_totals;
pub mod html;
pub mod latency;
pub mod plan;
pub mod size;
pub mod subject;
pub mod summary;
pub mod table;
pub mod timeline;
pub mod usersig;
