//! Opening the file: private to its owner, undamaged, held by one process.

use crate::failure;
use redb::Database;
use redb::backends::FileBackend;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use storex_core::{Code, Error, Result};

/// Memory for cached pages, in bytes. redb's own default is 1 GiB.
const CACHE: usize = 64 << 20;
/// No file that redb has not finished making is larger (redb 4.6 starts at 72 KiB, earlier versions at about 1 MiB).
const LARGEST_UNFINISHED: u64 = 4 << 20;
/// redb's mark at the start of the file is written last, when all else is on disk (redb 4.6, `TransactionalMemory::new`).
const MARK: usize = 9;
/// The header in which an unfinished file may hold something.
const HEADER: usize = 4096;

/// Opens or makes the file, proves it undamaged and mends what a crash left.
///
/// # Errors
/// `directory_busy`, `corrupt`, `unusable`.
pub(crate) fn open(path: &Path) -> Result<Database> {
    let file = open_private(path).map_err(|error| unusable(&error))?;
    start_over_if_unfinished(&file)?;
    let backend = FileBackend::new(file).map_err(failure::opening)?;
    // redb checks what it reads, but says of a damaged file that it may panic.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        Database::builder().set_cache_size(CACHE).set_check_integrity_on_open(true).create_with_backend(backend)
    }));
    match opened {
        Ok(opened) => opened.map_err(failure::opening),
        Err(_) => Err(Error::new(Code::Corrupt, "the store file is damaged: reading it broke down")),
    }
}

fn open_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    if metadata.len() == 0 {
        sync_folder(path)?;
    }
    Ok(file)
}

/// Makes the name of a new file durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Empties a file whose making was cut short: it holds nothing yet, and redb would take it for a foreign one.
fn start_over_if_unfinished(file: &File) -> Result<()> {
    if !is_unfinished(file).map_err(|error| unusable(&error))? {
        return Ok(());
    }
    match file.try_lock() {
        Ok(()) => {}
        // redb locks the whole file as well, so its maker is at work.
        Err(TryLockError::WouldBlock) => return Err(failure::opening(redb::DatabaseError::DatabaseAlreadyOpen)),
        Err(TryLockError::Error(error)) => return Err(unusable(&error)),
    }
    file.set_len(0).and_then(|()| file.unlock()).map_err(|error| unusable(&error))
}

fn is_unfinished(mut file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    if length == 0 || length > LARGEST_UNFINISHED {
        return Ok(false);
    }
    let mut content = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut content)?;
    let blank = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let (header, rest) = content.split_at(HEADER.min(content.len()));
    Ok(blank(rest) && blank(header.get(..MARK).unwrap_or(header)))
}

fn unusable(error: &io::Error) -> Error {
    Error::new(Code::Unusable, format!("the store file cannot be opened: {error}"))
}
