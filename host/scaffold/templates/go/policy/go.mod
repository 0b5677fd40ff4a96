module {{name}}

go 1.25

require tollgate v0.0.0

replace tollgate => ./tollgate/guest-sdk/go
