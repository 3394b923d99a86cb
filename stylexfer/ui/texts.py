"""Every sentence of the page, in one place, so that it can be translated."""

TITLE = "Pose and expression transfer"

INTRO = """\
# Pose and expression transfer
One face lends its head pose and expression to another: the portrait looks where the driver looks \
and smiles when the driver smiles. What comes out is **made by AI**, and the file says so. \
{note} Send only pictures of people who agree to it; uploads and results are deleted after about \
an hour."""

DEFAULT_PACK = (
    "This is version 0: {size} × {size} pixels and soft. It was trained on rendered heads, "
    "so no real person's face is in it."
)
OTHER_PACK = "The pack in use is `{pack}`, {size} × {size} pixels. {method}"
METHODS = {
    "transfer": "The method is the paper's.",
    "psp": (
        "It has no motion encoder, so the method is the paper's baseline, pSp latent arithmetic: "
        "a picture as the driver gives its pose, and a clip its expression too."
    ),
    "e4e": (
        "It has no motion encoder, so the method is the paper's baseline, e4e latent arithmetic: "
        "a picture as the driver gives its pose, and a clip its expression too."
    ),
}

DUPLICATE = "Duplicate this Space"

# tabs
PICTURE_TAB = "Picture"
CLIP_TAB = "Video"
RANDOM_TAB = "Random person"
WITH_PICTURE = "With a picture"
WITH_CLIP = "With a clip"

# inputs
PORTRAIT = "Portrait"
DRIVER = "Driver"
DRIVING_CLIP = "Driving clip"
POSE = "Pose"
EXPRESSION = "Expression"
STRENGTH_INFO = "1: as the driver"
RELATIVE = "Relative motion"
RELATIVE_INFO = "adds the driver's change to the portrait's own pose"
STEADINESS = "Steadiness"
STEADINESS_INFO = "against jitter"
SHOW = "Show"
SHOW_FACE = "Face"
SHOW_SIDE = "Side by side"
SHOW_PASTED = "In the portrait"
FIRST_SEED = "First seed"
FIRST_SEED_INFO = "the same seed is the same person"
TRUNCATION = "Truncation"
TRUNCATION_INFO = "0 is the average face, 1 the widest variety"
PEOPLE = "People who do not exist: choose one"
PERSON_SEED = "Person"
PERSON_INFO = "the seed of the chosen person"

# buttons
TRANSFER = "Transfer"
ANIMATE = "Animate"
ANIMATE_WITH_PICTURE = "Animate with this picture"
ANIMATE_WITH_CLIP = "Animate with this clip"
STOP = "Stop"
SHOW_PEOPLE = "Show eight"
NEXT_PEOPLE = "Next eight"

# outputs
PORTRAIT_CROP = "Portrait, aligned"
PERSON_CROP = "Person"
DRIVER_CROP = "Driver, aligned"
INVERSION = "Inversion"
RESULT = "Result"
PASTED = "Result in the portrait"
SEED_CAPTION = "seed {seed}"

EXAMPLES = "Examples"
PICTURE_EXAMPLES = [  # portrait, driver: the rows of examples.picture_rows
    "Hopper, driven by Collins",
    "Mona Lisa, by Collins",
    "Morisot, by Einstein",
    "Bolívar, by Pocahontas",
    "Einstein, by Manuel I",
]
CLIP_EXAMPLES = [  # the rows of examples.clip_rows
    "Collins, driven by clip A",
    "Mona Lisa, by clip B",
    "Pocahontas, by clip A",
]

# while a clip runs
PREPARING = "Reading the portrait"
PREPARING_PERSON = "Making the person"
MAKING_PEOPLE = "Person {done} of {total}"
FRAMES_LEFT = "Frame {done} of {total}, about {seconds:.0f} s left"

# before and after it
CLIP_HINT = "Stop keeps the part that is done."
DONE = "{done} of {total} frames at {fps} frames a second, in {seconds:.0f} s."
STOPPED = "Stopped: {done} of {total} frames at {fps} frames a second are kept."
STOPPED_EMPTY = "Stopped before the first frame."
CUT_SHORT = "The clip ends early: it was cut short, or part of it is damaged."
FACELESS = "{count} frames show no face; there the last motion is held."
SOUND_KEPT = "The sound is kept."

# errors
UNEXPECTED = "Something went wrong here, and the reason was noted. Try again, or with another file."
NO_FILE = "Nothing is chosen here yet. Send a file, or click an example."
NO_SEED = "Type a whole number as the seed, such as 7."
