//! A sink for messages: one JSON line each, in a file.

use async_trait::async_trait;
use serde::Deserialize;
use std::collections::HashSet;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use storex_core::{Code, Error, Notification, Notifier, Result};

/// Pause between two looks at a lock that another process has, and how many there are.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 300;

/// Delivers messages to `DIR/outbox/notifications.ndjson`, each id once however often it is delivered.
///
/// The file is only for us (0600 in a folder 0700), for it names people. A delivered message is on the disk. Controllers that share the folder write the
/// file in turns, and each sees what the others delivered.
#[derive(Clone, Debug)]
pub struct FileNotifier(Arc<Mutex<Sink>>);

#[derive(Debug)]
struct Sink {
    path: PathBuf,
    file: File,
    /// Bytes that were read or written here, all of them whole lines.
    length: u64,
    ids: HashSet<String>,
}

/// What of a line tells whether its message was delivered before.
#[derive(Deserialize)]
struct Line {
    id: String,
}

impl FileNotifier {
    /// Opens the sink below `folder` and makes what is missing of it. A last line without its end, left by a crash, is dropped: its message was never
    /// reported as delivered and comes again. A line that is no message is kept and ignored.
    ///
    /// # Errors
    /// `unusable` naming the path.
    pub fn open(folder: &Path) -> Result<Self> {
        let outbox = folder.join("outbox");
        let path = outbox.join("notifications.ndjson");
        let sink = open(&outbox, &path).map_err(|error| {
            let message = format!("messages cannot be kept in {}: {error}", path.display());
            Error::new(Code::Unusable, message).with("path", path.display())
        })?;
        Ok(Self(Arc::new(Mutex::new(sink))))
    }
}

fn open(outbox: &Path, path: &Path) -> std::io::Result<Sink> {
    DirBuilder::new().recursive(true).mode(0o700).create(outbox)?;
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    File::open(outbox)?.sync_all()?;
    let mut sink = Sink { path: path.to_owned(), file, length: 0, ids: HashSet::new() };
    sink.in_turn(Sink::catch_up)?;
    Ok(sink)
}

impl Sink {
    fn deliver(&mut self, notification: &Notification) -> Result<()> {
        let line = serde_json::to_vec(notification)
            .map_err(|error| Error::new(Code::Internal, format!("a message cannot be written: {error}")))?;
        let written = self.in_turn(|sink| {
            sink.catch_up()?;
            if sink.ids.contains(&notification.id) { Ok(()) } else { sink.append(line) }
        });
        written.map_err(|error| {
            let message = format!("a message cannot be kept in {}: {error}", self.path.display());
            Error::unclear(Code::Unavailable, message).with("path", self.path.display())
        })?;
        self.ids.insert(notification.id.clone());
        Ok(())
    }

    /// Does this while no other process does it with the same file. The lock ends with the process that holds it; of one that stands still it is not waited
    /// for long.
    fn in_turn(&mut self, work: impl FnOnce(&mut Self) -> std::io::Result<()>) -> std::io::Result<()> {
        let mut looks = 0;
        while let Err(refused) = self.file.try_lock() {
            looks += 1;
            match refused {
                TryLockError::Error(error) => return Err(error),
                TryLockError::WouldBlock if looks == LOOKS => {
                    return Err(std::io::Error::new(ErrorKind::WouldBlock, "another process has it locked and stands still"));
                }
                TryLockError::WouldBlock => std::thread::sleep(LOOK),
            }
        }
        let done = work(self);
        self.file.unlock()?;
        done
    }

    /// Reads what others wrote since, and drops what one of them left in the middle of a line: whoever has the turn, nobody is still writing it.
    fn catch_up(&mut self) -> std::io::Result<()> {
        if self.file.metadata()?.len() < self.length {
            // Somebody took messages away; what was read is not delivered again.
            self.length = 0;
        }
        let mut reader = BufReader::new(&self.file);
        reader.seek(SeekFrom::Start(self.length))?;
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.last() == Some(&b'\n') {
            self.length += line.len() as u64;
            match serde_json::from_slice::<Line>(&line) {
                Ok(message) => drop(self.ids.insert(message.id)),
                Err(error) => tracing::warn!(path = %self.path.display(), %error, "a line is no message"),
            }
            line.clear();
        }
        if line.is_empty() { Ok(()) } else { self.file.set_len(self.length) }
    }

    fn append(&mut self, mut line: Vec<u8>) -> std::io::Result<()> {
        line.push(b'\n');
        self.file.write_all_at(&line, self.length)?;
        self.file.sync_data()?;
        self.length += line.len() as u64;
        Ok(())
    }
}

#[async_trait]
impl Notifier for FileNotifier {
    async fn deliver(&self, notification: &Notification) -> Result<()> {
        let (sink, notification) = (Arc::clone(&self.0), notification.clone());
        let written =
            tokio::task::spawn_blocking(move || sink.lock().unwrap_or_else(PoisonError::into_inner).deliver(&notification)).await;
        written.map_err(|error| Error::unclear(Code::Internal, format!("writing a message ended early: {error}")))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    fn message(id: &str) -> Notification {
        let at = jiff::Timestamp::constant(1_767_225_600, 0);
        let data = serde_json::json!({ "store_id": "oceanbreeze-12345" });
        Notification {
            id: id.to_owned(),
            event: "store.created".to_owned(),
            at,
            recipient: "john@oceanbreezestore.com".to_owned(),
            data,
        }
    }

    fn lines(folder: &Path) -> Vec<String> {
        let text = fs::read_to_string(folder.join("outbox/notifications.ndjson")).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
        text.lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_message_is_kept_once_over_repeats_and_restarts_and_privately() {
        let folder = tempfile::tempdir().unwrap();
        let sink = FileNotifier::open(folder.path()).unwrap();
        sink.deliver(&message("a")).await.unwrap();
        sink.deliver(&message("a")).await.unwrap();
        sink.deliver(&message("b")).await.unwrap();
        drop(sink);
        let sink = FileNotifier::open(folder.path()).unwrap();
        sink.deliver(&message("b")).await.unwrap();
        sink.deliver(&message("c")).await.unwrap();
        let read: Vec<Notification> = lines(folder.path()).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, [message("a"), message("b"), message("c")]);
        let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().mode() & 0o7777;
        assert_eq!((mode("outbox"), mode("outbox/notifications.ndjson")), (0o700, 0o600));
    }

    #[tokio::test]
    async fn half_a_line_left_by_a_crash_is_dropped_and_its_message_kept_when_it_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        FileNotifier::open(folder.path()).unwrap().deliver(&message("a")).await.unwrap();
        let path = folder.path().join("outbox/notifications.ndjson");
        let whole = serde_json::to_string(&message("b")).unwrap();
        let mut torn = fs::read(&path).unwrap();
        torn.extend_from_slice(b"not a message\n");
        torn.extend_from_slice(whole.as_bytes());
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&torn, 0).unwrap();
        let sink = FileNotifier::open(folder.path()).unwrap();
        assert_eq!(lines(folder.path()).len(), 2);
        sink.deliver(&message("b")).await.unwrap();
        assert_eq!(lines(folder.path())[1..], ["not a message".to_owned(), whole]);
    }

    #[tokio::test]
    async fn what_two_processes_deliver_to_one_file_is_all_kept_and_once() {
        let folder = tempfile::tempdir().unwrap();
        // Two that opened it for themselves share no more than the file, as two processes do.
        let (one, other) = (FileNotifier::open(folder.path()).unwrap(), FileNotifier::open(folder.path()).unwrap());
        for (sink, id) in [(&one, "a"), (&one, "b"), (&other, "c"), (&other, "b"), (&one, "c"), (&one, "d")] {
            sink.deliver(&message(id)).await.unwrap();
        }
        let at_once = (0..40).map(|number| {
            let (sink, id) = (if number % 2 == 0 { one.clone() } else { other.clone() }, format!("m{}", number / 2));
            tokio::spawn(async move { sink.deliver(&message(&id)).await.unwrap() })
        });
        for done in at_once.collect::<Vec<_>>() {
            done.await.unwrap();
        }
        let ids: Vec<String> = lines(folder.path()).iter().map(|line| serde_json::from_str::<Line>(line).unwrap().id).collect();
        let distinct: HashSet<&String> = ids.iter().collect();
        assert_eq!((ids.len(), distinct.len(), &ids[..4]), (24, 24, &["a", "b", "c", "d"].map(str::to_owned)[..]));
        // A crash of one in the middle of a line, and the other goes on.
        let path = folder.path().join("outbox/notifications.ndjson");
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"id\":\"half").unwrap();
        other.deliver(&message("e")).await.unwrap();
        assert_eq!(lines(folder.path()).len(), 25);
        // One that stands still in the middle of its turn.
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        let error = one.deliver(&message("held")).await.unwrap_err();
        assert!(error.is_transient() && error.message().contains("stands still"), "{error}");
        held.unlock().unwrap();
        // Somebody takes the messages away.
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        one.deliver(&message("a")).await.unwrap();
        one.deliver(&message("f")).await.unwrap();
        other.deliver(&message("g")).await.unwrap();
        assert_eq!(lines(folder.path()).len(), 2);
    }

    #[tokio::test]
    async fn a_write_that_fails_is_transient_and_a_folder_that_cannot_be_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let sink = FileNotifier::open(folder.path()).unwrap();
        let path = folder.path().join("outbox/notifications.ndjson");
        let readable = File::open(&path).unwrap();
        let writable = std::mem::replace(&mut sink.0.lock().unwrap().file, readable);
        let error = sink.deliver(&message("a")).await.expect_err("it cannot be written");
        assert!(error.is_transient() && error.is_unclear(), "{error:?}");
        sink.0.lock().unwrap().file = writable;
        sink.deliver(&message("a")).await.unwrap();
        assert_eq!(lines(folder.path()).len(), 1);
        let error = FileNotifier::open(&path).expect_err("a file is no folder");
        assert_eq!(error.code(), Code::Unusable);
        assert!(error.message().contains("notifications.ndjson"), "{error}");
    }
}
