"""What features' values mean, in words that a salesperson understands, in English and German; right for any count.

A selector says in two ways what it picks. Its label is a plural noun ("views of the pricing page"), which a phrase never
inflects. What a lead `did` is a verb phrase, an English past participle that is the past tense as well and a German participle
that closes its phrase: "opened the pricing page" gives "opened the pricing page 3 times" and "has not opened the pricing page",
"die Preisseite geöffnet" gives "hat in den letzten 7 Tagen 3-mal die Preisseite geöffnet". All sentences stand in this package,
so that they sound alike.
"""
