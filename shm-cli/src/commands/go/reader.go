package PACKAGE

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Why a segment cannot be opened or read.
var (
	ErrNotSegment = errors.New("no segment of this library")
	ErrVersion    = errors.New("a segment of another format version")
	ErrSchema     = errors.New("a segment of another schema")
	ErrDamaged    = errors.New("a damaged segment")
	ErrOutrun     = errors.New("written faster than it can be read")
)

// How often a value is read again that was overwritten meanwhile.
const tries = 1000

// Segment is a segment that is open for reading.
//
// It is looked at and not attached to: no lock is held and no slot taken, so it keeps the segment's name alive for
// nobody; what is mapped stays readable until Close. All methods but Close may be called from any goroutine.
type Segment struct {
	file *os.File
	data []byte
	at   [len(fields)]uint64 // where each field begins, its bounds checked
}

type field struct {
	name  string
	size  uint64
	align uint64
}

// Open opens the segment of a name, and checks that it is one of this schema.
func Open(name string) (*Segment, error) {
	flags := os.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK // a FIFO under the name blocks nobody
	file, err := os.OpenFile("/dev/shm/"+name, flags, 0)
	if err != nil {
		return nil, err
	}
	s := &Segment{file: file}
	if err := s.open(); err != nil {
		s.Close()
		return nil, fmt.Errorf("segment %q: %w", name, err)
	}
	return s, nil
}

func (s *Segment) open() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() < 4096 {
		return ErrNotSegment
	}
	s.data, err = syscall.Mmap(int(s.file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	le, size := binary.LittleEndian, uint64(len(s.data))
	if le.Uint32(s.data) != 0x5A49504D {
		return ErrNotSegment
	}
	version, count := le.Uint32(s.data[4:]), uint64(le.Uint32(s.data[8:]))
	shift := version >> 16 // offsets and sizes count in units of so many bits
	if version&0xffff != 1 || shift != 0 && shift != 6 {
		return fmt.Errorf("%w: %#x", ErrVersion, version)
	}
	if count > (size-16)/40 {
		return fmt.Errorf("%w: %d entries", ErrDamaged, count)
	}
	entries := map[string][2]uint64{}
	for i := uint64(0); i < count; i++ {
		entry := s.data[16+40*i : 56+40*i]
		end := 0
		for end < 32 && entry[end] != 0 {
			end++
		}
		offset, length := uint64(le.Uint32(entry[32:]))<<shift, uint64(le.Uint32(entry[36:]))<<shift
		if offset > size || length > size-offset {
			return fmt.Errorf("%w: %q lies outside of it", ErrDamaged, entry[:end])
		}
		if _, known := entries[string(entry[:end])]; !known && end > 0 {
			entries[string(entry[:end])] = [2]uint64{offset, length}
		}
	}
	control, ok := entries["@control"]
	if !ok || control[1] < 512 {
		return fmt.Errorf("%w: it has no control block", ErrDamaged)
	}
	block := s.data[control[0] : control[0]+512]
	if layout := le.Uint32(block); layout != 1 {
		return fmt.Errorf("%w: layout %d", ErrVersion, layout)
	}
	if total := le.Uint64(block[0x10:]); total != size {
		return fmt.Errorf("%w: it has %d bytes, and says %d", ErrDamaged, size, total)
	}
	if found := le.Uint32(block[0x18:]); found != lanes {
		return fmt.Errorf("%w: it has %d lanes, and this program's %d", ErrSchema, found, lanes)
	}
	low, high := le.Uint64(block[0x20:]), le.Uint64(block[0x28:])
	if found := fmt.Sprintf("%016x%016x", high, low); found != Fingerprint {
		return fmt.Errorf("%w: its fingerprint is %s, and this program's %s", ErrSchema, found, Fingerprint)
	}
	for i, field := range fields {
		entry, ok := entries[field.name]
		length := (field.size + 1<<shift - 1) >> shift << shift
		if !ok || entry[1] != length || entry[0]%field.align != 0 {
			return fmt.Errorf("%w: field %q is not where it should be", ErrDamaged, field.name)
		}
		s.at[i] = entry[0]
	}
	return nil
}

// Close unmaps the segment; nothing of it may be read any more.
func (s *Segment) Close() error {
	if s.data != nil {
		syscall.Munmap(s.data)
		s.data = nil
	}
	return s.file.Close()
}

// IsRemoved says whether the segment's name was removed: whoever opens it now gets another, or none.
func (s *Segment) IsRemoved() bool {
	var stat syscall.Stat_t
	err := syscall.Fstat(int(s.file.Fd()), &stat)
	return err != nil || stat.Nlink == 0
}

// word loads 64 bits that are aligned to as many.
func (s *Segment) word(at uint64) uint64 {
	word := atomic.LoadUint64((*uint64)(unsafe.Pointer(&s.data[at])))
	runtime.KeepAlive(s)
	return word
}

// load copies bytes in words of the width in which every program of this library stores a value of `size` bytes: the
// largest of 8, 4, 2 and 1 that divides it. Go has no atomic loads of 2 bytes and 1; such a load is one instruction.
func (s *Segment) load(to []byte, at uint64, size int) {
	from := s.data[at : at+uint64(len(to))]
	switch {
	case size%8 == 0:
		for i := 0; i < len(from); i += 8 {
			word := atomic.LoadUint64((*uint64)(unsafe.Pointer(&from[i])))
			binary.LittleEndian.PutUint64(to[i:], word)
		}
	case size%4 == 0:
		for i := 0; i < len(from); i += 4 {
			word := atomic.LoadUint32((*uint32)(unsafe.Pointer(&from[i])))
			binary.LittleEndian.PutUint32(to[i:], word)
		}
	case size%2 == 0:
		for i := 0; i < len(from); i += 2 {
			word := *(*uint16)(unsafe.Pointer(&from[i]))
			binary.LittleEndian.PutUint16(to[i:], word)
		}
	default:
		copy(to, from)
	}
}

// version is the number of the latest value of a Versioned, and where that lies.
func (s *Segment) version(at uint64) (version, node uint64) {
	word := s.word(at + 0x80)
	return word >> 13, word & (1<<12 - 1)
}

// latest copies the latest value of a Versioned, whose word names a node: its value is whole if the node's stamp,
// loaded behind the copy, is the word's version. Every load here is ordered, as Go's atomics are.
func (s *Segment) latest(to []byte, at, align uint64) (uint64, error) {
	line := max64(64, align)
	begin, stride := max64(8, align), up(max64(8, align)+uint64(len(to)), line)
	nodes := at + up(0x100+128*lanes, line)
	for try := 0; try < tries; try++ {
		version, node := s.version(at)
		if node > lanes {
			return 0, fmt.Errorf("%w: it names node %d of %d", ErrDamaged, node, lanes+1)
		}
		place := nodes + node*stride
		s.load(to, place+begin, len(to))
		if s.word(place) == version {
			return version, nil
		}
	}
	return 0, ErrOutrun
}

// snapshot copies the latest frame of a VersionedArray, of elements of `size` bytes: frame f lies in buffer f mod 3, and
// is whole if the buffer's stamp, loaded behind the copy, is f.
func (s *Segment) snapshot(to []byte, at, align uint64, size int) (uint64, error) {
	line := max64(128, align)
	buffers, stride := at+up(0x180, line), up(line+uint64(len(to)), line)
	for try := 0; try < tries; try++ {
		frame := s.word(at)
		buffer := buffers + frame%3*stride
		if frame == 0 { // none was published: zeros
			for i := range to {
				to[i] = 0
			}
			return 0, nil
		}
		s.load(to, buffer+line, size)
		if s.word(buffer) == frame {
			return frame, nil
		}
	}
	return 0, ErrOutrun
}

func up(n, multiple uint64) uint64 {
	return (n + multiple - 1) / multiple * multiple
}

func max64(a, b uint64) uint64 {
	if a > b {
		return a
	}
	return b
}

// text is what a fixed text holds: up to its last byte that is not zero.
func text(bytes []byte) string {
	for len(bytes) > 0 && bytes[len(bytes)-1] == 0 {
		bytes = bytes[:len(bytes)-1]
	}
	return string(bytes)
}
