// Command go reads the segment of shm-cli's example `demo` while that runs: `go run . [SEGMENT]`.
package main

import (
	"fmt"
	"os"

	"shm.example/go/demo"
)

func main() {
	name := "demo"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	if err := show(name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func show(name string) error {
	segment, err := demo.Open(name)
	if err != nil {
		return err
	}
	defer segment.Close()

	fmt.Println("step", segment.Step())
	deepest := float32(0)
	for cell := 0; cell < demo.GridLen; cell++ {
		if depth := segment.Grid(cell); depth > deepest {
			deepest = depth
		}
	}
	fmt.Println("deepest", deepest)

	forecast, version, err := segment.Forecast()
	if err != nil {
		return err
	}
	fmt.Printf("forecast %d: %+v\n", version, forecast)

	frame, number, err := segment.Frame()
	if err != nil {
		return err
	}
	fmt.Printf("frame %d: %d elements, the first %v\n", number, len(frame), frame[0])
	return nil
}
