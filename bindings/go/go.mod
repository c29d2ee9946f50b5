module shm.example/go

go 1.19
