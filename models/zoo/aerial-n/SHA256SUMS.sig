{
 "schema": "kerbwatch-signature/1",
 "algorithm": "ed25519+sha256",
 "key_id": "c56e58f6cb841abc167427c54f836162b1ac3da37f213f449f0362da06e55448",
 "signature": "Ky4ossGR3rnlvADMscw+lOutXsKedairewbke61hj4XygY7dR8Gl+f1AxoF5LdLI0HCRBf7ZIkmFtzqzVSKMBA=="
}
