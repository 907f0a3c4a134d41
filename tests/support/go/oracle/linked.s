// The functions of the authenticator that are linked by name have no body: without a file of assembler, Go refuses that.
