"""Every sentence of the page, in one place, so that it can be translated."""

TITLE = "Pose and expression transfer"

INTRO = """\
# Pose and expression transfer
One face lends its head pose and expression to another: the portrait looks where the driver looks \
and smiles when the driver smiles. What comes out is **made by AI**, and the file says so. \
{note} Uploads and results are deleted after about an hour."""

# the bar at the top
LANGUAGE = "Language"
TRANSLATED = (
    "This page was written in English and translated by machine; no native speaker has checked the "
    "translation yet."
)
APPEARANCE = "Appearance"
APPEARANCES = {"system": "System", "light": "Light", "dark": "Dark"}
PRESET = "Preset"
OWN_SETTINGS = "Own settings"
NATURAL = "Natural"
STEADY = "Steady"
STRONG = "Strong"
POSE_ONLY = "Pose only"
EXPRESSION_ONLY = "Expression only"
COPY_LINK = "Copy link"
COPY_LINK_INFO = "A link that opens this page with these settings; no picture or clip is in it"
LINK_COPIED = "The link is copied: settings only, no picture or clip."
LINK_SHOWN = "The link stands in the address bar: copy it there."

# terms
AGREE = (
    "I may use the faces that I send here: they are mine, or the people agreed to this. I will not "
    "deceive or harm anybody with what comes out."
)
NOT_AGREED = (
    "First tick the box at the top of the page: that you may use the faces that you send. The "
    "examples work without it."
)
USE = "Acceptable use, and how results are marked"
USE_RULES = """\
- Only faces of people who agreed, yours included; of children, only your own.
- No deceiving: nobody may be made to believe that a person said or did what they did not.
- No nudity, no insult, no getting past an identity check.
- Every file that you save here says that AI made it: in its metadata (XMP), in a signed record \
(C2PA) and in an invisible watermark. Do not take these marks away. "Check a file" reads them."""
LABEL = "Visible label"
LABEL_INFO = "'AI-generated' in the corner of results; the invisible marks are always there"
FORMAT = "Pictures as"
FORMAT_INFO = "a whole portrait is JPEG instead of PNG"

DEFAULT_PACK = (
    "This is version {version}: {size} × {size} pixels and soft. It was trained on rendered heads, "
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
DUPLICATE_INFO = (
    "A Space of your own has no line and no other visitors, and your files go to nobody else. It "
    "needs no secret. CPU Basic is free and enough for this page; it sleeps after two days without "
    "a visitor. ZeroGPU (PRO accounts) lends a GPU for each run, without the Live tab. Other "
    "hardware is billed by the hour, also while nobody uses it: set a sleep time in its settings."
)

# tabs
PICTURE_TAB = "Picture"
CLIP_TAB = "Video"
RANDOM_TAB = "Random"  # four names have to fit on a phone
RANDOM_PERSON = "Random person"
LIVE_TAB = "Live"
COMPARE_TAB = "Compare"
CHECK_TAB = "Check"
WITH_PICTURE = "With a picture"
WITH_CLIP = "With a clip"

# check a file
CHECK_INTRO = (
    "### Check a file\nWas this picture or clip made here, and was it changed since? Send it as "
    "you have it: what was saved again, cut or photographed has lost some of its marks."
)
CHECK_FILE = "Picture or clip"
CHECK = "Check this file"
CHECK_HINT = "Nothing was checked yet."

# inputs
PORTRAIT = "Portrait"
DRIVER = "Driver"
DRIVING_CLIP = "Driving clip"
POSE = "Pose"
EXPRESSION = "Expression"
STRENGTH_INFO = "1: as the driver"
RELATIVE = "Relative motion"
RELATIVE_INFO = "adds the driver's change to the portrait's own pose"
BEST_START = "Best start"
BEST_START_INFO = "relative to the driver's frame most like the portrait, not to the first"
FOLLOW = "Move the head"
FOLLOW_INFO = "in the portrait: moves, tilts and nears as the driver's does"
FAITHFUL = "Faithful identity"
FAITHFUL_INFO = "learns the portrait first, about a minute: more alike, softer expressions"
FAITHFUL_INFO_QUICK = "learns the portrait first, some seconds: more alike, softer expressions"
PART_START = "From"
PART_END = "To"
PART_START_INFO = "seconds into the clip"
PART_END_INFO = "seconds; 0: the clip's end"
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

# a chosen person, favourites, mixing
CHOSEN_PERSON = "Chosen person"
KEEP_PERSON = "Keep"
DROP_PERSON = "Remove"
USE_IN_LIVE = "Use in Live"
FAVOURITES = "Favourites: choose one"
FAVOURITES_INFO = (
    "Keep people whom you like: they are here again when you come back. Your browser keeps their "
    "seeds, no pictures; at most {most}."
)
FAVOURITES_FULL = "You have {most} favourites, which is the limit. Remove one first."
NOT_KEPT = "The chosen person is no favourite. Choose the one to remove among the favourites."
MIX = "Mix two people"
MIX_FIRST = "First"
MIX_SECOND = "Second"
MIX_INFO = "a favourite, or type a seed"
MIX_SHARE = "Share of the second"
MIX_SHARE_INFO = "0: the first, 1: the second"
NO_MIX = "Choose two people to mix: favourites, or seeds such as 7."

# a saved identity
IDENTITY_FILE = "Identity file"
IDENTITY_INFO = (
    "A file stands for a person, in every tab and in every app with the same pack. It holds the "
    "face: keep it as you would a picture."
)
LOAD_IDENTITY = "Load: appears instead"
LOADED_FACE = "Loaded"
SAVE_IDENTITY = "Save who appears"
FILE_SHOWN = "The person of the identity file appears; remove the file to go on with the portrait."
FILE_HAS_NO_PORTRAIT = (
    "An identity file has no whole portrait to be shown in. Choose another view, or send the "
    "portrait itself."
)

# compare
COMPARE_INTRO = (
    "### Compare the method with its baselines\nThe same clip drives the same portrait three times: "
    "by the paper's method, and by its two baselines, arithmetic on the codes of a pSp and of an "
    "e4e encoder. From left to right: the driver, ours, pSp, e4e."
)
COMPARE_LIMIT = (
    "At most {limit:.0f} seconds of a clip: the baselines invert every frame, which is slow."
)
COMPARE = "Compare"
NO_METHOD = {
    "transfer": "The pack in use has no motion encoder, so the column of ours is empty.",
    "psp": "The pack in use has no pSp encoder, so its column is empty.",
    "e4e": "The pack in use has no e4e encoder, so its column is empty.",
}
COLUMN_DRIVER = "Driver"
COLUMNS = {"transfer": "Ours", "psp": "pSp", "e4e": "e4e"}
EMPTY_COLUMN = {
    "transfer": "this pack has no motion encoder",
    "psp": "this pack has no pSp encoder",
    "e4e": "this pack has no e4e encoder",
}
CHOOSE_LESS = (
    "This is {seconds:.0f} seconds of video, and a comparison takes at most {limit:.0f}. Choose a "
    "part of it with From and To."
)
MEASURED = "Measured on {count} frames"
MEASURING = "Measuring"
POSE_OFF = "Pose off, degrees (lower is better)"
FACE_FOLLOWS = "Expression follows, FL CORR (higher is better)"
IDENTITY_OFF = "Unlike the portrait, dlib distance (lower is better; under 0.6: the same person)"
MEASURES_NOTE = (
    "Short clips make rough figures: those of the evaluate command are over many clips and people."
)

# outputs
PORTRAIT_CROP = "Portrait, aligned"
PERSON_CROP = "Person"
DRIVER_CROP = "Driver, aligned"
INVERSION = "Inversion"
RESULT = "Result"
PASTED = "Result in the portrait"
SEED_CAPTION = "seed {seed}"
MIX_CAPTION = "mix {people}"

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
LEARNING = "Learning the portrait, step {done} of {planned}"
LEARNED_IN_PART = (
    "The machine is busy: the portrait was learned in {done} of {planned} steps, and may be less "
    "like the person than usual."
)
PREPARING_PERSON = "Making the person"
MAKING_PEOPLE = "Person {done} of {total}"
FRAMES_LEFT = "Frame {done} of {total}, about {seconds:.0f} s left"

# the look at a picture before anything is computed
PORTRAIT_HINT = "Who appears."
DRIVER_HINT = "Who gives pose and expression."
FACE_FOUND = "Face found."
FACES_FOUND = "{count} faces were found: choose the one to use."
FACE_CHOSEN = "The marked face is used."
FACE_NUMBER = "Face {number}"
FACE_SMALL = "The face is small, {side} pixels wide: the result will be soft. Use a closer picture."
FACE_TURNED = "The face is turned far aside: one that looks towards the camera works better."
FACE_CUT_OFF = "Part of the face is outside the picture: use one that shows all of it."
FACE_BLURRED = "The face is blurred: use a sharper picture."
FACE_DARK = "The face is dark: use a picture with more light on it."
FACE_ON_SIDE = "The face lies on its side: turn the picture upright and send it again."

# the picture's result, and edits in steps
COMPARED = "Before and after, in the portrait"
PICTURE_HINT = "Send a portrait and a driver and press Transfer, or click an example."
COMPARE_HINT = "Drag the line to compare. What you save is the result, with its marks."
USE_RESULT = "Use the result as the next portrait"
UNDO = "Undo the step"
BACK_TO_ORIGINAL = "Back to the original"
STEPS = "Steps: click one to go on from it"
FIRST_CAPTION = "original"
STEP_CAPTION = "step {number}"
STEP_GOES_ON = (
    "This is a result of yours. The next driver goes on from its pose and expression; with a "
    "strength of 0 they stay. The person is still that of the first portrait, so that nothing is "
    "lost from step to step."
)
NO_RESULT_YET = "There is no result yet. Press Transfer first."
NO_STEP = "No step was taken yet: this is the original."
STEP_GONE = "The file of this step is deleted, as all are after an hour. Send the portrait again."

# many portraits by many drivers
MANY = "Many at once"
MANY_INFO = (
    "Every portrait by every driver, as one sheet and as a zip: at most {files} of each and {pairs} "
    "results. Pose and Expression above count here too."
)
PORTRAITS = "Portraits"
DRIVERS = "Drivers"
MAKE_ALL = "Make all"
MANY_EXAMPLE = "Three portraits by three drivers"
GRID = "Portraits down, drivers across"
ALL_FILES = "Every result, and the sheet (zip)"
MANY_HINT = "Send several portraits and drivers and press Make all. Stop keeps what is done."
MANY_DONE = "{done} of {total} results, in {seconds:.0f} s."
MANY_STOPPED = "Stopped: {done} of {total} results are kept."
MANY_EMPTY = "Stopped before the first result."
MANY_FAILED = "{portrait}, by {driver}:"
PAIR_LEFT = "Result {done} of {total}, about {seconds:.0f} s left"

# before and after it
CLIP_HINT = "Stop keeps the part that is done."
DONE = "{done} of {total} frames at {fps} frames a second, in {seconds:.0f} s."
STOPPED = "Stopped: {done} of {total} frames at {fps} frames a second are kept."
STOPPED_EMPTY = "Stopped before the first frame."
CUT_SHORT = "The clip ends early: it was cut short, or part of it is damaged."
FACELESS = "{count} frames show no face ({spans}); there the last motion is held."
CHANGES = "Another view or person at {times}; the motion of the new face is followed."
SPAN = "from {begin:.1f} s to {end:.1f} s"
MOMENT = "{at:.1f} s"
SOUND_KEPT = "The sound is kept."

# errors
UNEXPECTED = "Something went wrong here, and the reason was noted. Try again, or with another file."
NO_FILE = "Nothing is chosen here yet. Send a file, or click an example."
CHOOSE_A_PART = (
    "The video is longer than {limit:.0f} seconds, which is the limit: {seconds:.0f}. "
    "Choose a part of it with From and To."
)
TOO_MANY_FRAMES = (
    "This part of the video has {frames} frames, and the limit is {limit}. Choose a shorter part "
    "with From and To, or export it at 30 frames a second."
)
NO_SEED = "Type a whole number as the seed, such as 7."

ADDRESS_REFUSED = (
    "The file at this address cannot be had: it takes an http or https address of a public server "
    "that answers within half a minute. Send the file itself instead."
)
ADDRESS_TOO_LARGE = "The file at this address has more than {limit} MB, which is the limit."
NO_CONSENT = (
    "Say that the people in these files agree to this, or that you may use them: pass consent=True."
)
NOT_A_NUMBER = "A setting is no number. Check strengths and steadiness."
BATCH_FILES = "A batch takes lists of 1 to {limit} portraits and as many drivers. Send fewer."
TOO_MANY_PAIRS = "A batch makes at most {limit} results, and these would be {count}. Send fewer."
TOO_MUCH_CLIP = (
    "The clips of a batch, counted once for each portrait, may have {limit:.0f} seconds and {most} "
    "frames, and these have {seconds:.0f} and {frames}. Send fewer or shorter ones."
)
NOTHING_MADE = "Not one result could be made. The first reason: {why}"
PAIR = "Result {done} of {total}"
TOO_MANY_RUNS = "That is too many runs at once from one place. Wait {seconds} s and go on."
TOO_MANY_WAITING = "{limit} of your runs wait in line already. Wait until one is done."
NO_LENGTH = "Say how many bytes are sent (Content-Length)."
UPLOAD_TOO_LARGE = "These files have more than {limit} MB together. Send them one by one."
TOO_MANY_BYTES = "That is more than may be sent from one place within minutes. Try again later."

# live
LIVE_INTRO = (
    "Your camera drives the portrait, in this page. The camera's pictures are worked on in memory, "
    "one at a time, and never stored. At most {seats} visitors at once, {minutes:.0f} minutes a run."
)
LIVE_SHARED_GPU = (
    "Live needs a machine of its own, and this Space shares its GPU (ZeroGPU), which lends it for "
    "seconds at a time. Duplicate the Space on a CPU or a GPU of your own, or run the app on your "
    "computer; the other tabs work here."
)
LIVE_SLOW = "With the pack in use that needs a GPU: on this CPU a picture takes seconds."
LIVE_WHO = "Who appears"
START_LIVE = "Start camera"
SET_NEUTRAL = "Set neutral"
SAVE_LIVE = "Save the last {seconds} seconds"
SAVED_LIVE = "Saved clip"
MIRROR = "Mirror"
MIRROR_INFO = "as in a mirror, both pictures"
LIVE_RELATIVE_INFO = "adds your change since the neutral face; Set neutral takes the present one"
LIVE_LABEL = "AI-generated"  # drawn into the live picture
LIVE_BUSY = "All {seats} live places are taken. Try again in a few minutes."
LIVE_NO_TICKET = "That took too long, so your place was given up. Press Start camera again."
LIVE_GARBLED = "The page sent something that is no camera picture. Reload the page and start again."
LIVE_TOO_LARGE = "The camera's picture is too large. Reload the page and start again."
LIVE_TOO_FAST = "The page sent too many pictures a second. Reload the page and start again."
LIVE_ELSEWHERE = "Another run was started from this page, so this one ended."
LIVE_NOT_RUNNING = "Nothing is live. Press Start camera first."
LIVE_TIME_UP = "The {minutes:.0f} minutes of this run are over. Press Start camera to go on."
LIVE_IDLE = "No camera picture came for {seconds:.0f} seconds, so the run ended. Start it again."
LIVE_WORDS = {  # for the browser's part
    "idle": "Press Start camera. Your browser will ask whether this page may use it.",
    "asking": "Waiting for the camera: allow it in your browser.",
    "connecting": "Connecting.",
    "running": "Live.",
    "noFace": "No face: step into the picture.",
    "stopped": "Stopped. The camera is off.",
    "refused": "The camera was refused. Allow it for this page in your browser, and start again.",
    "noCamera": "No camera was found. Connect one, and start again.",
    "inUse": "The camera can't be opened: another program may use it. Close that, and start again.",
    "insecure": "Browsers lend the camera only to pages with https, or to localhost.",
    "lost": "The connection was lost. Start again.",
    "blocked": "No live connection could be made: something between may not let WebSockets pass.",
    "unsupported": "This browser can't hand out single camera pictures. Use a current one.",
    "neutral": "Neutral is set: look and smile from here.",
    "figures": "{fps} pictures a second, {latency} ms behind the camera",
    "label": LIVE_LABEL,
    "camera": "Your camera",
    "picture": "The portrait, live: AI-generated",
}
