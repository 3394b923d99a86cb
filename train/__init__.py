"""Training of the method; each stage is one Accelerate script: `accelerate launch -m train.STAGE`."""
