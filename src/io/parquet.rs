//! Flow logs that were delivered as Parquet: rows become the lines that the same flow log has as text, its header first.
//!
//! Owns columns to text: names with hyphens, numbers as numbers, what is not there as `-`. So one decoder reads both, and line numbers
//! are the same. Never decodes a flow; a file whose columns are not those of flow logs is refused. Limits: of each column one page is in
//! memory, whatever the size of the file; columns are flat; what does not lie on a disk is copied to one first, up to
//! [`SPOOL_BYTES_MAX`].

use super::reader::ReadError;
use parquet::basic::Type;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tidegate_core::decode::vpcflow::FlowFormat;
use tidegate_core::event::{Position, Record};

/// How a Parquet file begins.
pub(super) const MAGIC: [u8; 4] = *b"PAR1";
/// Largest file that is copied to a disk to be read: the end of a Parquet file must be read first.
pub const SPOOL_BYTES_MAX: u64 = 4 << 30;
/// Rows that become one record.
const ROWS: usize = 2_048;

/// Reads a file, record by record.
pub(super) struct ParquetLines {
    file: SerializedFileReader<File>,
    source: Arc<str>,
    shard: Arc<str>,
    header: Option<String>,
    /// The row group to be opened next, and the columns of that which is open.
    group: usize,
    columns: Vec<Column>,
    rows_left: usize,
    /// Line of the next row; the header's is 1.
    next: u64,
    ended: bool,
}

/// A column of the open row group, and its cells of the rows at hand.
struct Column {
    reader: ColumnReader,
    nullable: bool,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl ParquetLines {
    /// A file that lies on a disk.
    ///
    /// # Errors
    /// If it is no Parquet, or no flow log.
    pub(super) fn open(file: File, source: Arc<str>, shard: Arc<str>) -> io::Result<Self> {
        let file = SerializedFileReader::new(file).map_err(|e| damaged(&e.to_string()))?;
        let header = Some(header(&file)?);
        Ok(ParquetLines { file, source, shard, header, group: 0, columns: Vec::new(), rows_left: 0, next: 2, ended: false })
    }

    /// The line of the first, and the next lines; empty at the end.
    fn lines(&mut self) -> io::Result<(u64, Vec<u8>)> {
        while self.rows_left == 0 {
            if self.group == self.file.num_row_groups() {
                return Ok((1, self.header.take().map(String::into_bytes).unwrap_or_default()));
            }
            self.enter_group()?;
        }
        let rows = self.rows_left.min(ROWS);
        self.columns.iter_mut().try_for_each(|column| column.fill(rows))?;
        self.rows_left -= rows;
        let header = self.header.take();
        let first = if header.is_some() { 1 } else { self.next };
        self.next += rows as u64;
        let mut bytes = header.map(String::into_bytes).unwrap_or_default();
        for row in 0..rows {
            for (n, column) in self.columns.iter().enumerate() {
                if n > 0 {
                    bytes.push(b' ');
                }
                bytes.extend_from_slice(column.cell(row));
            }
            bytes.push(b'\n');
        }
        Ok((first, bytes))
    }

    fn enter_group(&mut self) -> io::Result<()> {
        let failed = |e: parquet::errors::ParquetError| damaged(&e.to_string());
        let group = self.file.get_row_group(self.group).map_err(failed)?;
        let schema = self.file.metadata().file_metadata().schema_descr();
        let column = |at: usize| {
            let nullable = schema.column(at).max_def_level() > 0;
            Ok(Column { reader: group.get_column_reader(at).map_err(failed)?, nullable, text: Vec::new(), ends: Vec::new() })
        };
        self.columns = (0..schema.num_columns()).map(column).collect::<io::Result<_>>()?;
        self.rows_left = usize::try_from(group.metadata().num_rows()).map_err(|_| damaged("a group with less than no rows"))?;
        self.group += 1;
        Ok(())
    }
}

impl Iterator for ParquetLines {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let position = |sequence: u64| Position {
            source: Arc::clone(&self.source),
            shard: Arc::clone(&self.shard),
            sequence: sequence.into(),
            sub_sequence: 0,
        };
        let (before, source, shard) = (position(self.next - 1), Arc::clone(&self.source), Arc::clone(&self.shard));
        match self.lines() {
            Ok((_, bytes)) if bytes.is_empty() => None,
            Ok((first, bytes)) => {
                let position = Position { source, shard, sequence: first.into(), sub_sequence: 0 };
                Some(Ok(Record { position, arrival_ms: None, bytes, lines: true }))
            }
            Err(error) => {
                self.ended = true;
                Some(Err(ReadError { position: before, error }))
            }
        }
    }
}

impl Column {
    /// Reads the cells of the next rows.
    fn fill(&mut self, rows: usize) -> io::Result<()> {
        let Column { reader, nullable, text, ends } = self;
        text.clear();
        ends.clear();
        match reader {
            ColumnReader::Int32ColumnReader(r) => cells(r, rows, *nullable, (text, ends), |n, out| write!(out, "{n}")),
            ColumnReader::Int64ColumnReader(r) => cells(r, rows, *nullable, (text, ends), |n, out| write!(out, "{n}")),
            ColumnReader::ByteArrayColumnReader(r) => cells(r, rows, *nullable, (text, ends), |bytes, out| word(bytes.data(), out)),
            ColumnReader::FixedLenByteArrayColumnReader(r) => cells(r, rows, *nullable, (text, ends), |bytes, out| word(bytes.data(), out)),
            _ => Err(damaged("a column that is neither text nor a whole number")),
        }
    }

    fn cell(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[start..self.ends[row]]
    }
}

/// Reads `rows` cells of a column as text; what is not there is `-`.
fn cells<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    nullable: bool,
    (text, ends): (&mut Vec<u8>, &mut Vec<usize>),
    write: impl Fn(&T::T, &mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut values, mut levels, mut read) = (Vec::with_capacity(rows), Vec::with_capacity(rows), 0);
    while read < rows {
        let answer = reader.read_records(rows - read, Some(&mut levels), None, &mut values);
        match answer.map_err(|e| damaged(&e.to_string()))? {
            (0, ..) => return Err(damaged("a column ends before the others")),
            (records, ..) => read += records,
        }
    }
    let mut values = values.iter();
    for row in 0..rows {
        let there = !nullable || levels.get(row).is_some_and(|level| *level > 0);
        match if there { values.next() } else { None } {
            Some(value) => write(value, text)?,
            None => text.push(b'-'),
        }
        ends.push(text.len());
    }
    Ok(())
}

/// One word of a line. What would end it is percent-encoded, as AWS does with the values of tags.
fn word(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    if bytes.is_empty() {
        out.push(b'-');
    }
    for byte in bytes {
        match byte {
            0..=b' ' | 0x7f => write!(out, "%{byte:02X}")?,
            _ => out.push(*byte),
        }
    }
    Ok(())
}

/// The header line that the same log has as text.
fn header(file: &SerializedFileReader<File>) -> io::Result<String> {
    let schema = file.metadata().file_metadata().schema_descr();
    let columns = schema.columns();
    let flat = columns.iter().all(|c| c.max_rep_level() == 0 && c.max_def_level() <= 1 && c.path().parts().len() == 1);
    let read =
        columns.iter().all(|c| matches!(c.physical_type(), Type::INT32 | Type::INT64 | Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY));
    let names: Vec<String> = columns.iter().map(|c| c.name().to_ascii_lowercase().replace('_', "-")).collect();
    let line = names.join(" ");
    if flat && read && FlowFormat::from_header(&line).is_some() {
        return Ok(line + "\n");
    }
    let shown: String = names.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ").chars().take(120).collect();
    let text = format!("it is Parquet, and of Parquet only flow logs are read: its columns are {shown}, ...; export it as JSON lines");
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it is damaged, or no Parquet that is known: {why}"))
}

/// Copies what comes to a file without a name, which is gone when it is closed.
pub(super) fn spool(mut from: impl Read) -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("tidegate-parquet-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path)?;
    std::fs::remove_file(&path)?;
    let copied = io::copy(&mut from.by_ref().take(SPOOL_BYTES_MAX + 1), &mut file)?;
    if copied > SPOOL_BYTES_MAX {
        return Err(io::Error::other("it is Parquet of more than 4 GiB that does not lie on a disk: copy it to a folder first"));
    }
    Ok(file)
}
