/** What the system said of a file, and what to do about it. */
export const systemErrors: Readonly<Record<string, readonly [meaning: string, cure: string]>> = {
  ENOSPC: ['no space is left on the device', 'free some space there'],
  EDQUOT: ['the disk quota is used up', 'free some space or have the quota raised'],
  EACCES: ['permission denied', 'run as the owner of the folder, or give yourself access to it'],
  EPERM: ['the system does not permit it', 'run as the owner of the folder, and see whether the file is immutable (lsattr)'],
  EROFS: ['the file system is mounted read-only', 'remount it writable, or choose another folder'],
  EMFILE: ['too many files are open', 'raise the limit of open files (ulimit -n)'],
  ENFILE: ['too many files are open on this host', 'close some programs, or raise fs.file-max'],
  ENAMETOOLONG: ['the name is too long', 'choose shorter names, or a folder less deep'],
  ENOENT: ['there is no such file or folder', 'correct its name, or create it'],
  ENOTDIR: ['a file stands where a folder is needed', 'move that file out of the way'],
  EISDIR: ['a folder stands where a file is needed', 'move that folder out of the way'],
  EEXIST: ['something of that name is already there', 'move it out of the way'],
  ELOOP: ['its symbolic links go round in a circle', 'remove the link'],
  EBUSY: ['it is in use', 'stop what uses it'],
  EIO: ['the disk reported an error', 'check the disk (dmesg)'],
};
