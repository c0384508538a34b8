"""The vocabulary of scripts: scenes, verbs and nouns, and which of them are twins.

Sound twins are two nouns of one material: they sound the same and look different. Look twins are
two verbs of one motion: they look the same and sound different.
"""

SCENES = {
    "basement": "in the basement",
    "bathroom": "in the bathroom",
    "bedroom": "in the bedroom",
    "closet": "in the closet",
    "dining room": "in the dining room",
    "entryway": "in the entryway",
    "garage": "in the garage",
    "hallway": "in the hallway",
    "home office": "in the home office",
    "kitchen": "in the kitchen",
    "laundry room": "in the laundry room",
    "living room": "in the living room",
    "pantry": "in the pantry",
    "recreation room": "in the recreation room",
    "stairs": "on the stairs",
    "other": "somewhere else",
}
"""The phrase that narrations use, by scene; the 16 scenes of CharadesEgo."""

VERBS = {
    "adjust": ("adjusts", "straightens"),
    "cover": ("covers", "puts a lid on"),
    "cut": ("cuts", "slices"),
    "fill": ("fills", "tops up"),
    "hold": ("holds", "grips"),
    "mix": ("mixes", "stirs"),
    "move": ("moves", "slides"),
    "open": ("opens", "uncovers"),
    "operate": ("operates", "uses"),
    "pour": ("pours", "tips out"),
    "press": ("presses", "pushes down"),
    "put": ("puts down", "places"),
    "remove": ("removes", "clears away"),
    "scoop": ("scoops", "ladles"),
    "shake": ("shakes", "jiggles"),
    "take": ("takes", "picks up"),
    "throw": ("throws", "tosses"),
    "turn": ("turns", "rotates"),
    "wash": ("washes", "rinses"),
}
"""Two forms for narrations, one of which is drawn, by verb; the 19 verbs of EgoExoLearn."""

MOTIONS = {
    "reach": ("take", "put"),
    "lift": ("open", "cover"),
    "tilt": ("pour", "fill"),
    "twist": ("turn", "operate"),
    "poke": ("press", "adjust"),
    "circle": ("mix", "wash"),
    "stroke": ("cut", "scoop"),
    "slide": ("move", "remove"),
    "jolt": ("shake", "throw"),
    "still": ("hold",),
}
"""Verbs that look the same, by motion; ``hold`` is its own look twin."""

MATERIALS = {
    "root": ("garlic", "ginger"),
    "glass": ("jar", "bottle"),
    "metal": ("pan", "kettle"),
    "wood": ("board", "spoon"),
    "paper": ("book", "newspaper"),
    "cloth": ("towel", "shirt"),
    "plastic": ("bucket", "basket"),
    "ceramic": ("cup", "plate"),
    "leather": ("shoe", "bag"),
    "leaf": ("lettuce", "cabbage"),
    "powder": ("flour", "sugar"),
    "rubber": ("ball", "glove"),
}
"""Nouns that sound the same, by material."""

NOUNS = tuple(sorted(noun for pair in MATERIALS.values() for noun in pair))
MOTION_OF_VERB = {verb: motion for motion, verbs in MOTIONS.items() for verb in verbs}
MATERIAL_OF_NOUN = {noun: material for material, nouns in MATERIALS.items() for noun in nouns}
LOOK_TWIN = {verb: group[i - 1] for group in MOTIONS.values() for i, verb in enumerate(group)}
SOUND_TWIN = {noun: group[i - 1] for group in MATERIALS.values() for i, noun in enumerate(group)}
