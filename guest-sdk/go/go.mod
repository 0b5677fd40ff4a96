module tollgate

go 1.25
