"""The clearing house: members' points leave one program and arrive in another, and who owes whom is booked and provable."""
