"""Writes the Parquet files of this directory: pip install pyarrow duckdb polars, then run it here. It is not part of any test."""

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as encryption

ACCOUNTS = [f"user_{n:02}" for n in range(40)]
small = {"write_statistics": False, "store_schema": False}


def table(**columns):
    return pa.table(columns)


pq.write_table(table(account=ACCOUNTS), "pyarrow_lz4_raw.parquet", compression="lz4", **small)
pq.write_table(
    table(account=ACCOUNTS + [None]),
    "pyarrow_brotli_v2_with_checksums.parquet",
    compression="brotli",
    data_page_version="2.0",
    use_dictionary=False,
    write_page_checksum=True,
    **small,
)
pq.write_table(
    table(account=ACCOUNTS),
    "pyarrow_lz4_raw_delta.parquet",
    compression="lz4",
    use_dictionary=False,
    column_encoding={"account": "DELTA_BYTE_ARRAY"},
    **small,
)
polars.DataFrame({"account": ACCOUNTS}).write_parquet("polars_lz4_raw.parquet", compression="lz4", statistics=False)
duckdb.sql("CREATE TABLE accounts AS SELECT printf('user_%02d', n) AS account FROM range(40) numbers(n)")
duckdb.sql("COPY accounts TO 'duckdb_brotli.parquet' (FORMAT parquet, COMPRESSION brotli)")


class PlainKeys(encryption.KmsClient):
    def __init__(self, _config):
        encryption.KmsClient.__init__(self)

    def wrap_key(self, key, _master):
        return key.hex()

    def unwrap_key(self, key, _master):
        return bytes.fromhex(key)


factory = encryption.CryptoFactory(PlainKeys)
for name, plaintext_footer, encrypted in [
    ("pyarrow_encrypted_footer", False, "account"),
    ("pyarrow_encrypted_column", True, "account"),
    ("pyarrow_encrypted_other_column", True, "other"),
]:
    settings = encryption.EncryptionConfiguration(
        footer_key="f", column_keys={"k": [encrypted]}, plaintext_footer=plaintext_footer
    )
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), settings)
    content = table(account=ACCOUNTS, other=ACCOUNTS)
    with pq.ParquetWriter(f"{name}.parquet", content.schema, encryption_properties=properties, **small) as writer:
        writer.write_table(content)
