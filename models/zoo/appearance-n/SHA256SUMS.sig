{
 "schema": "kerbwatch-signature/1",
 "algorithm": "ed25519+sha256",
 "key_id": "c56e58f6cb841abc167427c54f836162b1ac3da37f213f449f0362da06e55448",
 "signature": "EBDqKmCo2eFHr06UswVqPKUve1Ho2t0gHxj7aLbD+Lpa1MmRie1wD/ZJvok23ux7+UENOV30VVOpPo1nR2B5DQ=="
}
